"""What a training loop says of one step, as tensors: positions, logits and labels of any type that loops have them in."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from noisylab.recording.sample_ids import plain_names


def binary_logits(logits: Tensor) -> Tensor:
    """The logits of two classes, for a network with a single output z: 0 for class 0 and z for class 1.

    Their softmax is (1 - sigmoid(z), sigmoid(z)), and their cross-entropy is the binary cross-entropy of z.

    Args:
        logits: float[B] or float[B, 1], the output for class 1.

    Returns:
        float[B, 2].

    Raises:
        ValueError: For another shape.

    Example:
        >>> from noisylab.recording import binary_logits
        >>> binary_logits(torch.tensor([[2.0], [-1.0]])).tolist()
        [[0.0, 2.0], [0.0, -1.0]]
    """
    column = torch.as_tensor(logits)
    if column.ndim not in (1, 2) or (column.ndim == 2 and column.shape[1] != 1):
        raise ValueError(f"logits must be one number for each sample, [B] or [B, 1], got shape {list(column.shape)}")
    column = column.reshape(-1, 1)
    return torch.cat([torch.zeros_like(column), column], dim=1)


class Step(NamedTuple):
    """What was observed in a step: positions int64[B], logits float32[B, K], labels int64[B]; copies of what the loop has.

    new: the entries that are the epoch's own presentations. checked: whether the labels must be the given ones.
    """

    positions: Tensor
    logits: Tensor
    labels: Tensor | None
    new: slice | None
    checked: bool


def as_positions(index: Any, named: Callable[[ArrayLike], NDArray[np.int64]]) -> Tensor:
    """Positions int64[B], a copy, from integers of any type, or from texts by `named`. Raises ValueError for others."""
    if isinstance(index, Tensor):
        return _integers(index, "index", "positions of samples")
    array = np.asarray(index)
    if array.dtype.kind in "OUST":
        array = plain_names(np.atleast_1d(array), "index")
        array = named(array) if array.dtype.kind == "U" else array
    return _integers(_tensor(array), "index", "positions of samples")


def as_outputs(logits: Any) -> Tensor:
    """A tensor [B, K], or of another shape if it has one. Raises ValueError for what are no real numbers."""
    try:
        values = logits if isinstance(logits, Tensor) else _tensor(np.asarray(logits))
    except (TypeError, ValueError) as error:
        raise ValueError(f"logits must be numbers of shape [B, K], got {type(logits).__name__}: {error}") from None
    if values.dtype == torch.bool or values.dtype.is_complex:
        raise ValueError(f"logits must be real numbers, got {_kind(values)}")
    return values.detach()


def as_labels(labels: Any) -> Tensor:
    """Labels int64[B], a copy. Raises ValueError for shares of classes and for what are no classes."""
    try:
        values = labels if isinstance(labels, Tensor) else _tensor(np.asarray(labels))
    except ValueError as error:
        raise ValueError(f"labels must be integers, numbers of classes: {error}") from None
    if values.ndim == 2 and values.shape[1] > 1:
        raise ValueError(
            f"labels must be one class for each entry, int[B], got shares of classes of shape {list(values.shape)}; leave "
            "labels out to measure by the given ones"
        )
    return _integers(values, "labels", "numbers of classes")


def fitted(step: Step, classes: int) -> Step:
    """The step, if its shapes fit each other and the number of classes. Raises ValueError if they do not."""
    positions, logits, labels = step.positions, step.logits, step.labels
    if logits.shape == (classes,) and len(positions) == 1 < classes:
        logits = logits[None]
        step = step._replace(logits=logits)
    shape = logits.shape
    fits = positions.shape == shape[:1] and (labels is None or labels.shape == positions.shape)
    if fits and len(shape) == 2 and shape[1] == classes:
        return step
    if fits and classes == 2 and (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise ValueError(
            f"logits must have a column for each of 2 classes, got shape {list(shape)}; binary_logits(logits), from "
            "noisylab.recording, makes two of the output for class 1"
        )
    if not fits or len(shape) != 2:
        shapes = [None if part is None else list(part.shape) for part in (positions, logits, labels)]
        raise ValueError(f"index, logits and labels must have shapes [B], [B, K] and [B], got {shapes}")
    if shape[1] > classes:
        raise ValueError(
            f"logits of {shape[1]} classes do not fit records made for {classes}; "
            f"give num_classes={shape[1]} if there are so many"
        )
    raise ValueError(
        f"logits must have a column for each of the {classes} classes of the labels and num_classes, got {shape[1]}; give the "
        "network an output for each class"
    )


def _integers(values: Tensor, name: str, what: str) -> Tensor:
    """int64[B], a copy; a single number and a column [B, 1] become one. Raises ValueError for other types."""
    kind = values.dtype
    if kind == torch.bool or kind.is_floating_point or kind.is_complex:
        mask = name == "index" and kind == torch.bool
        way = f"{name}.nonzero()[:, 0] makes those of a mask" if mask else f"{name}.long(), or {name}.astype(int) of an array"
        raise ValueError(f"{name} must be integers, {what}, got {_kind(values)}; {way}")
    # Integers have no gradient to detach; it would take a third of a step's time.
    values = values.clone().long()
    return values.reshape(-1) if values.ndim == 0 or (values.ndim == 2 and values.shape[1] == 1) else values


def _tensor(array: NDArray[Any]) -> Tensor:
    """A tensor of an array of any byte order, or of none."""
    if not array.size:
        return torch.zeros(array.shape, dtype=torch.int64)
    kinds = {"i": np.int64, "u": np.int64, "f": np.float32, "b": np.bool_, "c": np.complex64}
    if array.dtype.kind not in kinds:
        raise ValueError(f"expected numbers, got {array.dtype} values such as {array.ravel()[0]!r}")
    return torch.from_numpy(array.astype(kinds[array.dtype.kind]))


def _kind(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
