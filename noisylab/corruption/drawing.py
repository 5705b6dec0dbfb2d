"""Drawing given labels from P(given | true): seeds, sampling modes and nestedness, written once for every kind.

One uniform number and one target number belong to each sample under a seed, whatever the rate. A sample flips where its
uniform number is below its flip probability, to the class that its target number picks among the others. So the flips of
a lower rate, with their targets, are among those of a higher rate.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from noisylab.seeds import derive_seed

Sampling = Literal["iid", "exact", "exact_per_class"]

GOLDEN = (np.sqrt(5) - 1) / 2


def draw(clean: NDArray[np.int64], transition: NDArray[np.float64], *, sampling: Sampling, seed: int) -> NDArray[np.int64]:
    """Given labels int64[N] for true labels `clean` int64[N] under row-stochastic `transition` float64[C, C].

    - `iid`: every sample on its own.
    - `exact`: as many flips over the whole set as expected, rounded (sequential Poisson sampling, Ohlsson 1998).
    - `exact_per_class`: in every class as many flips as expected, rounded up or down, and targets spread evenly.

    Rounding per class by largest remainders would not be nested: a class may lose a flip when the rate rises (the Alabama
    paradox). Each class has a fixed threshold for rounding up instead, the thresholds spread evenly over the classes, so
    that the total is the rounded total too where classes are equally large, and next to it elsewhere.
    """
    flip_probability = 1 - np.diagonal(transition)
    flips, targets = (np.random.default_rng(derive_seed(seed, f"noise/{stream}")) for stream in ("flips", "targets"))
    probability = flip_probability[clean]
    if sampling == "exact_per_class":
        uniform, target = _stratified(clean, flip_probability, flips, targets)
    else:
        uniform, target = flips.random(len(clean)), targets.random(len(clean))
    if sampling == "exact":
        flipped = _smallest(uniform, probability, round(float(probability.sum())))
    else:
        flipped = np.flatnonzero(uniform < probability)
    given = clean.copy()
    given[flipped] = _pick(clean[flipped], target[flipped], transition)
    return given


def _smallest(uniform: NDArray[np.float64], probability: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The `count` samples with the smallest uniform / probability; never one of probability 0."""
    if count == 0:
        return np.empty(0, dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        priority = np.where(probability > 0, uniform / probability, np.inf)
    chosen = np.argpartition(priority, count - 1)[:count]
    return chosen[probability[chosen] > 0]


def _stratified(
    clean: NDArray[np.int64],
    flip_probability: NDArray[np.float64],
    flips: np.random.Generator,
    targets: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Uniform and target numbers that are evenly spaced within each class, in random order.

    The k-th of n samples of a class has uniform (k + threshold) / n, and targets follow the golden-ratio sequence, so that
    the first m of them are spread evenly for every m.
    """
    classes = len(flip_probability)
    counts = np.bincount(clean, minlength=classes)
    index = np.int32 if len(clean) < 2**31 else np.int64
    shuffled = flips.permutation(np.arange(len(clean), dtype=index))
    key = clean.astype(np.min_scalar_type(classes - 1))
    order = shuffled[np.argsort(key[shuffled], kind="stable")]
    threshold = np.zeros(classes)
    affected = np.flatnonzero((flip_probability > 0) & (counts > 0))
    # Drawn over all classes, so that which class rounds up does not depend on the rate.
    ranking = flips.random(classes)[affected].argsort().argsort()
    threshold[affected] = (ranking + 0.5) / max(len(affected), 1)
    start = np.cumsum(counts) - counts
    rank = np.arange(len(clean), dtype=np.float64)
    rank -= np.repeat(start.astype(np.float64), counts)
    uniform = np.empty(len(clean))
    uniform[order] = (rank + np.repeat(threshold, counts)) / np.repeat(counts.astype(np.float64), counts)
    rank *= GOLDEN
    rank += np.repeat(targets.random(classes), counts)
    rank %= 1
    target = np.empty(len(clean))
    target[order] = rank
    return uniform, target


def _pick(clean: NDArray[np.int64], target: NDArray[np.float64], transition: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class other than the true one at quantile `target` of each sample's row."""
    classes = len(transition)
    others = transition * (1 - np.eye(classes))
    total = others.sum(axis=1, keepdims=True)
    cumulative = np.divide(others.cumsum(axis=1), total, out=np.zeros_like(others), where=total > 0)
    last = classes - 1 - (others[:, ::-1] > 0).argmax(axis=1)
    # One search serves all rows: row i occupies the interval [i, i + 1).
    shelves = (cumulative + np.arange(classes)[:, None]).ravel()
    found = np.searchsorted(shelves, target + clean, side="right") - clean * classes
    return np.asarray(np.minimum(found, last[clean]))
