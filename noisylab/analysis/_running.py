"""Functions that scores over epochs share."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


def check_epochs(values: ArrayLike, name: str, shown: ArrayLike | None = None) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """`values` as an array [E, N], and bool[E, N]: which of them exist (default: all that are not NaN)."""
    array = np.asarray(values)
    if array.ndim != 2 or not len(array):
        raise ValueError(f"{name} must have shape (epochs, samples) with at least one epoch, got {array.shape}")
    if shown is None:
        there = ~np.isnan(array) if array.dtype.kind == "f" else np.ones(array.shape, dtype=np.bool_)
    else:
        there = np.asarray(shown, dtype=np.bool_)
    if there.shape != array.shape:
        raise ValueError(f"shown must have the shape of {name}, {array.shape}, got {there.shape}")
    return array, there


def check_correct(correct: ArrayLike, shown: ArrayLike | None = None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`correct` as bool[E, N], and bool[E, N]: which of them exist."""
    array, there = check_epochs(correct, "correct", shown)
    if array.dtype.kind != "b":
        raise ValueError(f"correct must be True or False, got {array.dtype} values; mark missing ones with `shown`")
    return array.astype(np.bool_, copy=False), there


def after_each(values: Iterator[Values], shown: NDArray[np.bool_], running: bool) -> Values:
    """The last of `values`, float64[N], or with `running` all of them, float64[E, N]; NaN for samples not yet shown."""
    if not running:
        for value in values:
            last = value
        return np.where(shown.any(axis=0), last, np.nan)
    # Scores change the arrays that they yield, so each is copied.
    rows = np.empty(shown.shape)
    for row, value in zip(rows, values, strict=True):
        row[:] = value
    rows[~np.logical_or.accumulate(shown, axis=0)] = np.nan
    return rows


def mean_over_epochs(values: ArrayLike, name: str, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """float64[N], the mean of each sample's values [E, N] over the epochs that have one; if `running` after each, [E, N]."""
    array, there = check_epochs(values, name, shown)

    def means() -> Iterator[Values]:
        total, count = np.zeros(array.shape[1]), np.zeros(array.shape[1])
        for now, present in zip(array, there, strict=True):
            total += np.where(present, now, 0)
            count += present
            yield total / np.maximum(count, 1)

    return after_each(means(), there, running)
