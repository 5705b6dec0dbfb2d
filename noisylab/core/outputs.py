"""What a network returned: logits, probabilities or their logarithms, and how to tell one from the other."""

import math
from typing import Literal

import torch
from torch import Tensor

from noisylab.core.checks import check_value

Outputs = Literal["logits", "probabilities", "log_probabilities"]


def are_probabilities(outputs: Tensor, rounding: float | None = None) -> bool:
    """Whether all rows of outputs float[B, K, ...] are probabilities: in [0, 1], with sum 1. Waits for the device.

    rounding: how far from it a sum may be; None: as far as one that was rounded to the type of `outputs`.
    """
    if outputs.ndim < 2 or outputs.shape[1] < 2 or not len(outputs):
        return False
    z = outputs.detach().float()
    allowed = max(1e-3, _spacing(outputs) if rounding is None else rounding)
    return bool(((z >= 0) & (z <= 1 + allowed)).all() & ((z.sum(dim=1) - 1).abs() < allowed).all())


def check_logits(outputs: Tensor, way_out: str = "return the logits, or torch.log of the probabilities") -> None:
    """Raise ValueError if outputs float[B, K, ...] are probabilities, whose softmax would be taken again."""
    if are_probabilities(outputs):
        raise ValueError(
            "logits must be the outputs before the softmax, got probabilities (every row has sum 1, as in "
            f"{_row(outputs)}); {way_out}"
        )


def check_outputs(values: Tensor, outputs: Outputs) -> None:
    """Raise ValueError if values float[B, K] are not what `outputs` says. Rows that are not finite are not looked at."""
    logs, rows = outputs == "log_probabilities", values.detach()
    rows = rows[(rows < torch.inf).all(dim=1) if logs else rows.isfinite().all(dim=1)]
    if outputs == "logits":
        check_logits(rows, 'give the logits, or say outputs="probabilities"')
        return
    # Logarithms are rounded in proportion to their size, whose mean over the classes is at most log K.
    rounding = _spacing(rows) * max(1.0, math.log(rows.shape[1])) if logs else None
    if len(rows) and not are_probabilities(rows.float().exp() if logs else rows, rounding):
        what = "logarithms of numbers" if logs else "numbers"
        raise ValueError(f"{outputs} must be {what} in [0, 1] with sum 1 in every row, got a row {_row(rows)}; see outputs")


def as_log(values: Tensor, outputs: Outputs) -> Tensor:
    """float32 of the shape of values: logits as they are, and the logarithms of probabilities.

    The smallest number that the type of `values` can hold takes the place of a probability of 0, and that of float32 the place
    of one whose logarithm is -inf.
    """
    check_value("outputs", outputs, Outputs)
    if outputs == "logits":
        return values.float()
    smallest = torch.finfo(torch.float32).smallest_normal
    if outputs == "log_probabilities":
        return values.float().masked_fill(values == -torch.inf, math.log(smallest))
    kind = torch.finfo(values.dtype if values.is_floating_point() else torch.float32)
    return values.float().clamp(min=max(kind.smallest_normal * kind.eps, smallest)).log()


def _spacing(values: Tensor) -> float:
    """How far two neighbouring numbers of the type of `values` are apart at 1."""
    return torch.finfo(values.dtype).eps if values.is_floating_point() else 0.0


def _row(outputs: Tensor) -> list[float]:
    return [round(value, 3) for value in outputs.detach()[0].flatten()[:4].tolist()]
