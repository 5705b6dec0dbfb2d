"""Transition matrices from labels, or from what a model predicts. Rows are true classes, columns given ones."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PositiveInt
from noisylab.corruption.record import from_pair
from noisylab.corruption.validation import check_labels, check_posteriors


def empirical_transition(true: ArrayLike, given: ArrayLike, num_classes: PositiveInt | None = None) -> NDArray[np.float64]:
    """float64[C, C]: the shares of given labels in each true class; an absent class keeps its label."""
    realised = from_pair(true, given, num_classes).realised_transition()
    return np.asarray(np.where(np.isnan(realised), np.eye(len(realised)), realised))


def anchor_points(probabilities: ArrayLike, *, percentile: float | None = None) -> NDArray[np.float64]:
    """float64[C, C]: row i is what the model predicts at the anchor point of class i (Patrini et al. 2017).

    probabilities: float[N, C], P(given = j | x) of a model trained on the given labels. The anchor of class i is the sample
    with the largest probability of i, or, against outliers, with the largest one that is below the value at `percentile` (97,
    the next value above, in Patrini's code for CIFAR-10), if any is. Raises ValueError for bad probabilities or percentile.
    """
    p = check_posteriors(probabilities, len(np.asarray(probabilities)), None)
    if percentile is None:
        return np.asarray(p[p.argmax(axis=0)])
    if not 0 < percentile <= 100:
        raise ValueError(f"percentile must be a number in (0, 100], got {percentile!r}")
    at = np.percentile(p, percentile, axis=0, method="higher")
    below = p < at
    return np.asarray(p[np.where(below | ~below.any(axis=0), p, -1).argmax(axis=0)])


def confident_joint(given: ArrayLike, probabilities: ArrayLike, *, calibrate: bool = True) -> NDArray[np.float64]:
    """float64[C, C]: how many samples of each true class (row) carry each given label (column), by confident learning.

    given: int[N]; probabilities: float[N, C], out of sample. A sample counts as true class j where P(j | x) is at least the
    mean P(j | x) over samples given j; where several classes qualify, as its likeliest class (Northcutt et al. 2021, as the
    cleanlab package does it: of all classes, and with at least 1 on the diagonal). `calibrate` scales the columns to the counts
    of given labels, without rounding. Raises ValueError for bad input, and for a class that is given to no sample.
    """
    if np.ndim(given) == 2 and np.ndim(probabilities) == 1:
        raise TypeError("the given labels come first, then the probabilities")
    p = check_posteriors(probabilities, len(np.asarray(given)), None)
    labels, classes = check_labels(given, p.shape[1])
    sizes = np.bincount(labels, minlength=classes)
    if (sizes == 0).any():
        raise ValueError(f"given must hold every class at least once, got none of class {int((sizes == 0).argmax())}")
    threshold = np.maximum([p[labels == c, c].mean() for c in range(classes)], 2e-6)
    # The tolerance of the reference implementation, for probabilities that equal the threshold but for rounding.
    above = p >= threshold - 1e-6
    confident = above.any(axis=1)
    likely = np.where(above.sum(axis=1) > 1, p.argmax(axis=1), above.argmax(axis=1))
    joint = np.bincount(likely[confident] * classes + labels[confident], minlength=classes**2).reshape(classes, classes)
    counts = joint.astype(np.float64)
    # So that a class of which nothing is certain is taken to be as it is labelled.
    np.fill_diagonal(counts, np.maximum(np.diagonal(counts), 1))
    return counts * sizes / counts.sum(axis=0) if calibrate else counts


def confident_transition(given: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """float64[C, C]: the rows of the confident joint as shares; a class that is nobody's true class keeps its label."""
    joint = confident_joint(given, probabilities)
    total = joint.sum(axis=1, keepdims=True)
    return np.where(total > 0, joint / np.where(total > 0, total, 1), np.eye(len(joint)))
