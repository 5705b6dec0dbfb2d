"""Checks of what the corruption functions are given; every message names the value and what was expected."""

import math
import operator
import warnings
from numbers import Real
from os import PathLike
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.drawing import Sampling


def check_labels(labels: ArrayLike, num_classes: int | None = None) -> tuple[NDArray[np.int64], int]:
    """The labels as a new int64[N] array, and the number of classes (largest label + 1 where not given)."""
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"labels must be one-dimensional, got an array of shape {array.shape}")
    if array.size == 0:
        raise ValueError("labels must hold at least one label, got an empty array")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"labels must be integers, got NaN at position {int(np.flatnonzero(np.isnan(array))[0])}")
    if array.dtype.kind == "O" and all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in array):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers, got {array.dtype} values such as {array[:1].tolist()[0]!r}; of other labels, "
            "np.unique(labels, return_inverse=True) makes class names and integers"
        )
    low, high = int(array.min()), int(array.max())
    if low < 0:
        raise ValueError(f"labels must not be negative, got {low} at position {int(array.argmin())}")
    if num_classes is None:
        num_classes = high + 1
    classes = check_integer("num_classes", num_classes, minimum=1)
    if high >= classes:
        raise ValueError(f"labels must be below num_classes = {classes}, got {high} at position {int(array.argmax())}")
    return array.astype(np.int64), classes


def check_true_labels(labels: ArrayLike, num_classes: int | None = None) -> tuple[NDArray[np.int64], int]:
    """As `check_labels`, for true labels that are to be corrupted: warns of classes that only the largest label implies."""
    clean, classes = check_labels(labels, num_classes)
    absent = np.setdiff1d(np.arange(classes), clean)
    if num_classes is None and len(absent):
        shown = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        warnings.warn(
            f"no label is of class {shown}, though labels go up to {classes - 1}, so others can become it: pass "
            f"num_classes={classes} to say that it exists, or number classes from 0 by np.unique(labels, return_inverse=True)",
            stacklevel=4,
        )
    return clean, classes


def check_integer(name: str, value: Any, *, minimum: int = 0) -> int:
    """`value` as an int of at least `minimum`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_) or number < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return number


def check_rate(rate: Any) -> float:
    """`rate` as a float in [0, 1]."""
    number = math.nan if isinstance(rate, bool) or not isinstance(rate, Real) else float(rate)
    if not 0 <= number <= 1:
        meant = f"; did you mean {number / 100:g}?" if 1 < number <= 100 else ""
        raise ValueError(f"rate must be a number in [0, 1], got {rate!r}{meant}")
    return number


def check_sampling(sampling: Any) -> Sampling:
    """`sampling`, where it is one of the three modes."""
    if sampling not in get_args(Sampling):
        raise ValueError(f"sampling must be one of {', '.join(map(repr, get_args(Sampling)))}, got {sampling!r}")
    return sampling  # type: ignore[no-any-return]


def check_transition(matrix: ArrayLike) -> NDArray[np.float64]:
    """The transition matrix as float64[C, C] with rows that sum to 1."""
    try:
        rows = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"matrix must be a square array of numbers, got {matrix!r}") from None
    if rows.ndim != 2 or rows.shape[0] != rows.shape[1] or not rows.size:
        raise ValueError(f"matrix must be square (classes x classes), got shape {rows.shape}")
    if not np.isfinite(rows).all() or rows.min() < 0 or rows.max() > 1 + 1e-6:
        position = np.unravel_index(int(np.argmin(np.where((rows >= 0) & (rows <= 1 + 1e-6), 1, 0))), rows.shape)
        raise ValueError(
            f"matrix entries must be probabilities in [0, 1], got {rows[position]} at [{position[0]}, {position[1]}]"
        )
    off = np.abs(rows.sum(axis=1) - 1)
    if off.max() > 1e-6:
        row = int(off.argmax())
        problem = f"matrix rows must sum to 1 (row = true class, column = given class), got {rows[row].sum():.6g} in row {row}"
        if np.abs(rows.sum(axis=0) - 1).max() <= 1e-6:
            problem += "; its columns do sum to 1, so it is the transpose of what is expected: pass matrix.T"
        raise ValueError(problem)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def check_features(features: ArrayLike, count: int) -> NDArray[np.generic]:
    """The features as number[N, ...], finite, with one row per sample."""
    array = np.asarray(features)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"features must be numbers, got {array.dtype}")
    if array.ndim < 2 or len(array) != count or not array.size:
        raise ValueError(f"features must have a row for each of the {count} labels, got an array of shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array.sum()) and not np.isfinite(array).all():
        raise ValueError("features must be finite, got NaN or infinity")
    return array


def check_posteriors(posteriors: ArrayLike, count: int, classes: int | None) -> NDArray[np.float64]:
    """The class probabilities as float64[N, C] with rows that sum to 1."""
    array = np.asarray(posteriors)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"posteriors must be probabilities, got {array.dtype}")
    if array.ndim != 2 or len(array) != count or (classes is not None and array.shape[1] != classes):
        expected = f"({count}, {'classes' if classes is None else classes})"
        raise ValueError(f"posteriors must have shape {expected}, got {array.shape}")
    rows = array.astype(np.float64)
    if not np.isfinite(rows).all() or rows.min() < 0:
        raise ValueError("posteriors must be finite and not negative; pass probabilities, not logits")
    off = np.abs(rows.sum(axis=1) - 1)
    if off.max() > 1e-3:
        raise ValueError(f"posteriors must sum to 1 in every row, got {rows[off.argmax()].sum():.6g} in row {off.argmax()}")
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def check_positions(positions: ArrayLike, rows: int) -> NDArray[np.int64]:
    """`positions` as int64[N], where each of them is one of that many rows."""
    place = np.asarray(positions)
    if place.ndim != 1 or place.dtype.kind not in "iu" or (place.size and not 0 <= place.min() <= place.max() < rows):
        wanted = f"samples {place.min()} to {place.max()} of the data set" if place.size else "no samples"
        raise ValueError(f"it has {rows} rows, and {wanted} are asked for")
    return place.astype(np.int64)


def read_array(value: ArrayLike | str | PathLike[str], name: str, *, positions: ArrayLike | None = None) -> NDArray[Any]:
    """`value` as an array, from the `.npy` file that it names where it is a path; pickles are refused.

    A file is about the whole data set: it gives its rows at `positions`, where they are given.
    """
    if not isinstance(value, str | PathLike):
        return np.asarray(value)
    try:
        rows = np.asarray(np.load(value, allow_pickle=False))
        return rows if positions is None else rows[check_positions(positions, len(rows))]
    except FileNotFoundError:
        raise ValueError(f"{name}: no file {str(value)!r}") from None
    except Exception as error:
        raise ValueError(f"{name}: {str(value)!r} is not a .npy file of plain numbers: {error}") from error
