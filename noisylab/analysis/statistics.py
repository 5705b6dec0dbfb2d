"""Intervals and paired comparisons over seeds."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Interval(NamedTuple):
    """A mean, half the width of its confidence interval (NaN for one value), and how many values it is of."""

    mean: float
    half: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if np.isnan(self.half) else f"{self.mean:.3f} ± {self.half:.3f}"


class Difference(NamedTuple):
    """The mean of paired differences with its interval, and the two-sided p-value of the paired t-test."""

    interval: Interval
    p: float


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean and Student t confidence interval of values float[n]; a NaN among them makes both NaN."""
    from scipy import stats

    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        raise ValueError("values must hold at least one number, got none")
    if x.size == 1:
        return Interval(float(x[0]), float("nan"), 1)
    half = stats.t.ppf((1 + confidence) / 2, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size)
    return Interval(float(x.mean()), float(half), int(x.size))


def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Difference:
    """A - b for values float[n] paired by position; p is 1 where all pairs are equal.

    p is NaN for one pair, and where all differences are the same one: accuracies are counts, so that few of them can agree by
    chance, and a spread of 0 would claim certainty.
    """
    from scipy import stats

    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired values must be equally many, got shapes {first.shape} and {second.shape}")
    difference = first - second
    interval = mean_interval(difference, confidence)
    if interval.n == 1:
        return Difference(interval, float("nan"))
    spread = difference.std(ddof=1)
    # Equal differences of fractions are equal up to rounding alone.
    if spread <= 1e-12 * max(np.abs(first).max(), np.abs(second).max()):
        return Difference(interval, 1.0 if not difference.any() else float("nan"))
    t = interval.mean / (spread / np.sqrt(interval.n))
    return Difference(interval, float(2 * stats.t.sf(abs(t), interval.n - 1)))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values float[m]; NaN stays NaN and is not counted (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted


def percent(mean: float, half: float, sign: str = "") -> str:
    """A share and half its interval as percent: `91.2 ± 0.4`."""
    if math.isnan(mean):
        return "-"
    return f"{100 * mean:{sign}.1f}" + ("" if math.isnan(half) else f" ± {100 * half:.1f}")
