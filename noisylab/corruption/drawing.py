"""Drawing given labels from P(given | true): seeds, sampling modes and nestedness, written once for every kind.

For a seed, each sample has one uniform number and one target number, whatever the rate. A sample flips if its uniform number is
below its flip probability, to the class that its target number picks among the others. The flips of a lower rate, with their
targets, are therefore among the flips of a higher rate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from noisylab.core.seeds import derive_seed
from noisylab.corruption.matrices import CELLS, Matrix, diagonal_of, row_chunks, rows_of

Sampling = Literal["iid", "exact", "exact_per_class"]


class Drawing(StrEnum):
    """How a record was drawn (its parameter `sampling`), which decides how its rate spreads over seeds."""

    IID = "iid"  # every sample on its own
    EXACT = "exact"  # as many flips over the whole set as expected
    EXACT_PER_CLASS = "exact_per_class"  # as many flips in every class as expected
    REDRAWN = "redrawn"  # as many samples over the whole set as asked for; the new label may be the true one
    ROUNDED_DOWN = "rounded_down"  # as many flips in every class as asked for, rounded down


GOLDEN = (np.sqrt(5) - 1) / 2
CHUNK = 4096
LARGE_CHUNK = 2**20


@dataclass(frozen=True)
class PerSample:
    """Flip probabilities and targets that differ from sample to sample (N samples, C classes), for `draw`.

    flip_probability: float64[N]. level: a function of uniform numbers float64[N] that says how strong the noise must be for
    each sample to flip, in any unit that grows with the rate. The exact modes flip the samples with the lowest levels, so they
    are nested even if probabilities do not rise in proportion. weights: a function of positions int64[m] that returns
    float64[m, C] proportional to P(given = j | mislabelled), 0 at the true class; it is called with chunks of bounded size,
    ordered by true class.
    """

    flip_probability: NDArray[np.float64]
    level: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    weights: Callable[[NDArray[np.int64]], NDArray[np.float64]]


def draw(
    true: NDArray[np.int64],
    noise: Matrix | PerSample,
    num_classes: int,
    *,
    sampling: Sampling,
    seed: int,
) -> NDArray[np.int64]:
    """Given labels int64[N] for true labels `true` int64[N] under a row-stochastic matrix [C, C] or `PerSample` noise.

    A dense and a compact matrix with the same cells give the same labels.

    - `iid`: every sample on its own.
    - `exact`: as many flips over the whole set as expected, rounded (sequential Poisson sampling, Ohlsson 1998).
    - `exact_per_class`: in every class as many flips as expected, rounded up or down, and targets spread evenly.

    Rounding per class by largest remainders would not be nested: a class may lose a flip when the rate rises (the Alabama
    paradox). Instead, each class has a fixed threshold for rounding up, and the thresholds are spread evenly over the classes.
    If classes are equally large, the total is then the rounded total; otherwise the roundings of C classes add up to an error
    that grows like sqrt(C).
    """
    flips, targets = (np.random.default_rng(derive_seed(seed, f"noise/{stream}")) for stream in ("flips", "targets"))
    if sampling == "exact_per_class":
        mislabelled, target = _exact_per_class(true, noise, num_classes, flips, targets)
    else:
        level = flips.random(len(true))
        probability = noise.flip_probability if isinstance(noise, PerSample) else (1 - diagonal_of(noise))[true]
        if sampling == "iid":
            mislabelled = np.flatnonzero(level < probability)
        else:
            if isinstance(noise, PerSample):
                level = noise.level(level)
            else:
                np.divide(level, probability, out=level, where=probability > 0)
            # Samples that flip for certain come first; those that cannot flip never come.
            level[probability >= 1] = -1
            level[probability <= 0] = np.inf
            mislabelled = _lowest(level, round(float(probability.sum())))
        # With millions of labels each array counts, so none lives longer than it is needed.
        del level, probability
        target = targets.random(len(true))[mislabelled]
    given = true.copy()
    if isinstance(noise, PerSample):
        order = np.argsort(true[mislabelled], kind="stable")
        step = max(min(CHUNK, 2 * CELLS // num_classes), 1)
        for start in range(0, len(order), step):
            part = order[start : start + step]
            given[mislabelled[part]] = _pick_rows(noise.weights(mislabelled[part]), target[part])
    else:
        for first, last, some in _by_rows(true, mislabelled, num_classes):
            chosen = mislabelled[some]
            given[chosen] = _pick(true[chosen] - first, target[some], rows_of(noise, first, last), first)
    return given


def sent_to(given: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """`PerSample.weights` of samples that can become one class only: float64[m, C]."""
    weights = np.zeros((len(given), num_classes))
    weights[np.arange(len(given)), given] = 1
    return weights


def flip_order(true: NDArray[np.int64], num_classes: int, *, sampling: Sampling, seed: int) -> NDArray[np.int64]:
    """The samples int64[N] in the order in which `draw` flips them as the flip probability of all classes rises from 0."""
    flips = np.random.default_rng(derive_seed(seed, "noise/flips"))
    if sampling != "exact_per_class":
        return flips.random(len(true)).argsort()
    order, sizes = _by_class(true, num_classes, flips)
    place = np.arange(len(true)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    threshold = _thresholds(flips.random(num_classes), sizes > 0)
    return order[((place + np.repeat(threshold, sizes)) / np.repeat(sizes, sizes)).argsort(kind="stable")].astype(np.int64)


def _lowest(level: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The `count` samples with the lowest levels, without those that cannot flip (infinite level)."""
    if count == 0:
        return np.empty(0, dtype=np.int64)
    highest = np.partition(level, count - 1)[count - 1]
    chosen = level < highest
    # Ties go to the first sample.
    chosen[np.flatnonzero(level == highest)[: count - int(chosen.sum())]] = np.isfinite(highest)
    return np.flatnonzero(chosen)


def _pick_rows(weights: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class at quantile `target` of each row of float64[m, C]."""
    cumulative = weights.cumsum(axis=1)
    found = (cumulative <= (target * cumulative[:, -1])[:, None]).sum(axis=1)
    last = weights.shape[1] - 1 - (weights[:, ::-1] > 0).argmax(axis=1)
    return np.asarray(np.minimum(found, last))


def _exact_per_class(
    true: NDArray[np.int64],
    noise: Matrix | PerSample,
    classes: int,
    flips: np.random.Generator,
    targets: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The samples that flip, in every class as many as expected, and their target numbers.

    The samples of a class are in random order. Their targets follow the golden-ratio sequence, so that the first m are spread
    evenly for every m.
    """
    order, sizes = _by_class(true, classes, flips)
    start = np.cumsum(sizes) - sizes
    expected: NDArray[np.float64]
    if isinstance(noise, PerSample):
        expected = np.bincount(true, weights=noise.flip_probability, minlength=classes).astype(np.float64)
        # Evenly spaced uniform numbers in each class; the order of their levels decides.
        place = np.arange(len(true)) - np.repeat(start, sizes)
        uniform = np.empty(len(true))
        uniform[order] = (place + 0.5) / np.repeat(sizes, sizes)
        level = np.where(noise.flip_probability > 0, noise.level(uniform), np.inf)
        order = np.lexsort((level, true))
    else:
        flip: NDArray[np.float64] = 1 - diagonal_of(noise)
        expected = flip * sizes
    # Drawn over all classes, so that which class rounds up does not depend on the rate.
    threshold = _thresholds(flips.random(classes), expected > 0)
    counts = np.minimum(np.ceil(expected - threshold).astype(np.int64).clip(0), sizes)
    rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    target = (rank * GOLDEN + np.repeat(targets.random(classes), counts)) % 1
    return order[rank + np.repeat(start, counts)].astype(np.int64), target


def _by_class(
    true: NDArray[np.int64], classes: int, flips: np.random.Generator
) -> tuple[NDArray[np.signedinteger[Any]], NDArray[np.int64]]:
    """The samples ordered by class, in random order within a class; and the sizes of the classes."""
    index = np.int32 if len(true) < 2**31 else np.int64
    shuffled = flips.permutation(np.arange(len(true), dtype=index))
    key = true.astype(np.min_scalar_type(classes - 1))
    return shuffled[np.argsort(key[shuffled], kind="stable")], np.bincount(true, minlength=classes)


def _thresholds(uniform: NDArray[np.float64], affected: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The fraction from which each class rounds its flips up: spread evenly over the affected classes, else 0."""
    threshold = np.zeros(len(affected))
    threshold[affected] = (uniform[affected].argsort().argsort() + 0.5) / max(int(affected.sum()), 1)
    return threshold


def _by_rows(
    true: NDArray[np.int64], mislabelled: NDArray[np.int64], classes: int
) -> Iterator[tuple[int, int, slice | NDArray[np.signedinteger[Any]]]]:
    """Parts of `mislabelled` of bounded size, each with the bounds of the rows of the matrix that hold its true classes."""
    chunks, order, bounds = list(row_chunks(classes)), None, [0, len(mislabelled)]
    # The rows of few classes serve all samples, in any order.
    if len(chunks) > 1:
        order = np.argsort(true[mislabelled], kind="stable")
        bounds = np.searchsorted(true[mislabelled[order]], [0, *(last for _, last in chunks)]).tolist()
    for (first, last), low, high in zip(chunks, bounds[:-1], bounds[1:], strict=True):
        for start in range(low, high, LARGE_CHUNK):
            some = slice(start, min(start + LARGE_CHUNK, high))
            yield first, last, some if order is None else order[some]


def _pick(row: NDArray[np.int64], target: NDArray[np.float64], rows: NDArray[np.float64], first: int) -> NDArray[np.int64]:
    """The class other than the true one at quantile `target` of each sample's row; `rows` are those from class `first`."""
    count, classes = rows.shape
    true = np.arange(first, first + count)
    rows[np.arange(count), true] = 0
    total = rows.sum(axis=1, keepdims=True)
    cumulative = np.divide(rows.cumsum(axis=1), total, out=np.zeros_like(rows), where=total > 0)
    last = classes - 1 - (rows[:, ::-1] > 0).argmax(axis=1)
    # One search serves all rows: that of class i occupies the interval [i, i + 1).
    shelves = (cumulative + true[:, None]).ravel()
    found = np.searchsorted(shelves, target + (row + first), side="right") - row * classes
    return np.asarray(np.minimum(found, last[row]))
