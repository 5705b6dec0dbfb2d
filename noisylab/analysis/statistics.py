"""Intervals and paired comparisons over seeds."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.sample_ids import joined_by_index


class Interval(NamedTuple):
    """A mean, half the width of its confidence interval (NaN for one value), and the number of values."""

    mean: float
    half: float
    n: int


class Difference(NamedTuple):
    """The mean of paired differences with its interval, and the two-sided p-value of the paired t-test."""

    interval: Interval
    p: float


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean and Student t confidence interval of some values.

    Args:
        values: float[n], n at least 1. A NaN among them makes both mean and interval NaN.
        confidence: Probability that the interval covers the true mean, in (0, 1).

    Raises:
        ValueError: If there are no values.

    Example:
        >>> from noisylab.analysis.statistics import mean_interval
        >>> interval = mean_interval([0.90, 0.92, 0.91])
        >>> round(interval.mean, 2), round(interval.half, 3), interval.n
        (0.91, 0.025, 3)
    """
    # scipy.stats has the same functions, and takes twice as long to import.
    from scipy.special import stdtrit

    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        raise ValueError("values must hold at least one number, got none")
    if x.size == 1:
        return Interval(float(x[0]), float("nan"), 1)
    half = stdtrit(x.size - 1, (1 + confidence) / 2) * x.std(ddof=1) / np.sqrt(x.size)
    return Interval(float(x.mean()), float(half), int(x.size))


@joined_by_index
def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Difference:
    """The mean of a - b, with its interval and the p-value of the paired t-test.

    p is NaN for one pair, and if all differences are the same nonzero number: accuracies are counts, so a few differences can
    agree by chance, and a spread of 0 would claim certainty. If all pairs are equal, p is 1.

    Args:
        a: float[n].
        b: float[n], paired with `a` by position.
        confidence: Of the interval, in (0, 1).

    Raises:
        ValueError: If the two have different shapes, or no values.

    Example:
        >>> from noisylab.analysis.statistics import paired_difference
        >>> difference = paired_difference([0.95, 0.96, 0.94], [0.90, 0.92, 0.91])
        >>> round(difference.interval.mean, 3), round(difference.p, 3)
        (0.04, 0.02)
    """
    from scipy.special import stdtr

    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired values must be equally many, got shapes {first.shape} and {second.shape}")
    difference = first - second
    interval = mean_interval(difference, confidence)
    if interval.n == 1:
        return Difference(interval, float("nan"))
    spread = difference.std(ddof=1)
    # Equal differences of fractions are equal only up to rounding.
    if spread <= 1e-12 * max(np.abs(first).max(), np.abs(second).max()):
        return Difference(interval, 1.0 if not difference.any() else float("nan"))
    t = interval.mean / (spread / np.sqrt(interval.n))
    return Difference(interval, float(2 * stdtr(interval.n - 1, -abs(t))))


def power_of_difference(sd: float, n: int, difference: float = 0.02, level: float = 0.05) -> float:
    """The probability that the paired t-test finds a true difference.

    Args:
        sd: Standard deviation of the paired differences.
        n: Number of pairs.
        difference: The true mean difference, in the unit of `sd`.
        level: Of significance (two-sided), in (0, 1). With Holm over m tests, `level / m` is the strictest one.

    Returns:
        In [0, 1]; NaN for fewer than two pairs, and for a spread of 0, from which nothing can be concluded.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> from noisylab.analysis.statistics import power_of_difference
        >>> round(power_of_difference(sd=0.01, n=5, difference=0.02), 2)
        0.91

    Source:
        Cohen (1988), Statistical Power Analysis, Sec. 2; the noncentral t distribution.
    """
    from scipy.special import nctdtr, stdtrit

    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    if sd < 0 or n < 0:
        raise ValueError(f"sd and n must not be negative, got {sd} and {n}")
    if n < 2 or not sd > 0:
        return float("nan")
    limit = -stdtrit(n - 1, level / 2)
    shift = abs(difference) * math.sqrt(n) / sd
    # The chance of finding the opposite is below 1e-9 from here on, and SciPy gives NaN for some of it.
    opposite = nctdtr(n - 1, shift, -limit) if shift < 5 else 0.0
    found = 1 - nctdtr(n - 1, shift, limit)
    if math.isnan(found):
        # It has no value for some differences that are always found.
        from scipy.stats import nct

        found = nct.sf(limit, n - 1, shift)
    return float(found + opposite)


def pairs_for_power(sd: float, difference: float = 0.02, level: float = 0.05, power: float = 0.8) -> int | None:
    """The smallest number of pairs with which the paired t-test finds a true difference with this probability.

    Arguments are those of `power_of_difference`; None if the spread is 0 or NaN.

    Example:
        >>> from noisylab.analysis.statistics import pairs_for_power
        >>> pairs_for_power(sd=0.02, difference=0.02)
        10
    """
    if not sd > 0:
        return None
    if difference == 0 or not 0 < power < 1:
        raise ValueError(f"difference must not be 0 and power must be in (0, 1), got {difference} and {power}")
    enough = 2
    while power_of_difference(sd, enough, difference, level) < power:
        enough *= 2
    # Power grows with the number of pairs.
    low = enough // 2
    while enough - low > 1:
        middle = (low + enough) // 2
        low, enough = (low, middle) if power_of_difference(sd, middle, difference, level) >= power else (middle, enough)
    return enough


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values.

    Args:
        p_values: float[m]. NaN stays NaN and is not counted as a test.

    Returns:
        float64[m], each at most 1.

    Example:
        >>> from noisylab.analysis.statistics import holm
        >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
        [0.03, 0.06, 0.06]

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted


def format_interval(mean: float, half: float, *, sign: str = "") -> str:
    """A share and half of its interval as text, in percent with one decimal.

    Args:
        mean: In [-1, 1]; NaN gives "-".
        half: Half the width of the interval; NaN leaves it out.
        sign: "+" also writes the sign of positive numbers, for differences.

    Example:
        >>> from noisylab.analysis.statistics import format_interval
        >>> format_interval(0.912, 0.004), format_interval(0.01, float("nan"), sign="+")
        ('91.2 ± 0.4', '+1.0')
    """
    if math.isnan(mean):
        return "-"
    return f"{100 * mean:{sign}.1f}" + ("" if math.isnan(half) else f" ± {100 * half:.1f}")


def format_p(p: float) -> str:
    """A p-value with three decimals, ".004" or "<.001"; "-" for NaN."""
    if math.isnan(p):
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
