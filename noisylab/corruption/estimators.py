"""Transition matrices from labels or from predictions. Rows are true classes, columns given classes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PositiveInt
from noisylab.corruption.matrices import dense, empirical_matrix
from noisylab.corruption.record import from_pair
from noisylab.corruption.sample_ids import joined_by_index
from noisylab.corruption.validation import check_labels, check_posteriors


@joined_by_index
def empirical_transition(true: ArrayLike, given: ArrayLike, num_classes: PositiveInt | None = None) -> NDArray[np.float64]:
    """The shares of given labels in each true class; an absent class gets 1 on the diagonal.

    Args:
        true: int[N] true labels, or names.
        given: int[N] given labels, or names.
        num_classes: The number of classes; by default, that of the labels.

    Returns:
        float64[C, C], row = true class.

    Raises:
        ValueError: For bad labels or different lengths.

    Example:
        >>> from noisylab.corruption import empirical_transition
        >>> empirical_transition([0, 0, 1, 1], [0, 1, 1, 1]).tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    record = from_pair(true, given, num_classes)
    return dense(empirical_matrix(record.true, record.given, record.num_classes))


def anchor_points(probabilities: ArrayLike, *, percentile: float | None = None) -> NDArray[np.float64]:
    """The transition matrix from anchor points: row i is the prediction at the anchor of class i (Patrini et al. 2017).

    Args:
        probabilities: float[N, C], P(given = j | x) of a model trained on the given labels, out of sample.
        percentile: None: the anchor of class i is the sample with the largest probability of i. Against outliers: the sample
            with the largest probability below this percentile, if there is one (97 in Patrini's code for CIFAR-10).

    Returns:
        float64[C, C], row = true class.

    Raises:
        ValueError: For bad probabilities or percentile.

    Example:
        >>> from noisylab.corruption import anchor_points
        >>> anchor_points([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]).tolist()
        [[0.9, 0.1], [0.2, 0.8]]
    """
    p = check_posteriors(probabilities, len(np.asarray(probabilities)), None)
    if percentile is None:
        return np.asarray(p[p.argmax(axis=0)])
    if not 0 < percentile <= 100:
        raise ValueError(f"percentile must be a number in (0, 100], got {percentile!r}")
    at = np.percentile(p, percentile, axis=0, method="higher")
    below = p < at
    return np.asarray(p[np.where(below | ~below.any(axis=0), p, -1).argmax(axis=0)])


@joined_by_index
def confident_joint(given: ArrayLike, probabilities: ArrayLike, *, calibrate: bool = True) -> NDArray[np.float64]:
    """How many samples of each true class (row) carry each given label (column), by confident learning.

    A sample counts as true class j if P(j | x) is at least the mean P(j | x) over samples given j; if several classes qualify,
    as its likeliest class (Northcutt et al. 2021; like the cleanlab package: the likeliest of all classes, and at least 1 on
    the diagonal).

    Args:
        given: int[N] given labels.
        probabilities: float[N, C], out of sample.
        calibrate: Whether to scale the columns to the counts of given labels, without rounding.

    Returns:
        float64[C, C].

    Raises:
        ValueError: For bad input, and for a class that is given to no sample.

    Example:
        >>> from noisylab.corruption import confident_joint
        >>> p = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.1, 0.9]]
        >>> confident_joint([0, 0, 1, 1], p, calibrate=False).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    if np.ndim(given) == 2 and np.ndim(probabilities) == 1:
        raise TypeError("the given labels come first, then the probabilities")
    p = check_posteriors(probabilities, len(np.asarray(given)), None)
    labels, classes = check_labels(given, p.shape[1])
    sizes = np.bincount(labels, minlength=classes)
    if (sizes == 0).any():
        raise ValueError(f"given must hold every class at least once, got none of class {int((sizes == 0).argmax())}")
    by_class = np.argsort(labels, kind="stable")
    own = np.split(p[by_class, labels[by_class]], np.cumsum(sizes)[:-1])
    threshold = np.maximum([part.mean() for part in own], 2e-6)
    # The tolerance of the reference implementation, for probabilities that equal the threshold up to rounding.
    above = p >= threshold - 1e-6
    confident = above.any(axis=1)
    likely = np.where(above.sum(axis=1) > 1, p.argmax(axis=1), above.argmax(axis=1))
    joint = np.bincount(likely[confident] * classes + labels[confident], minlength=classes**2).reshape(classes, classes)
    counts = joint.astype(np.float64)
    # A class without any confident sample counts as labelled correctly.
    np.fill_diagonal(counts, np.maximum(np.diagonal(counts), 1))
    return counts * sizes / counts.sum(axis=0) if calibrate else counts


@joined_by_index
def confident_transition(given: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """The transition matrix by confident learning: the rows of the confident joint as shares.

    Args:
        given: int[N] given labels.
        probabilities: float[N, C], out of sample.

    Returns:
        float64[C, C], row = true class; a class without samples gets 1 on the diagonal.

    Raises:
        ValueError: For bad input, and for a class that is given to no sample.

    Example:
        >>> from noisylab.corruption import confident_transition
        >>> confident_transition([0, 0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.1, 0.9]]).shape
        (2, 2)
    """
    joint = confident_joint(given, probabilities)
    total = joint.sum(axis=1, keepdims=True)
    return np.where(total > 0, joint / np.where(total > 0, total, 1), np.eye(len(joint)))
