"""How good the probabilities of a network are on labelled samples: likelihood, calibration and ranking by confidence."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PositiveInt
from noisylab.corruption.sample_ids import joined_by_index
from noisylab.corruption.validation import label_array


@joined_by_index
def nll(logits: ArrayLike, labels: ArrayLike) -> float:
    """The negative log-likelihood in nats: the mean over samples of -log p of the label.

    Args:
        logits: float[N, K], logits or log-probabilities.
        labels: int[N].

    Returns:
        The mean, at least 0.

    Raises:
        ValueError: If shapes, classes or numbers do not fit.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import nll
        >>> round(nll(np.log([[0.5, 0.5], [0.1, 0.9]]), [0, 1]), 4)
        0.3993
    """
    log_p, given = _checked(logits, labels)
    return float(-log_p[np.arange(len(given)), given].mean())


@joined_by_index
def ece(logits: ArrayLike, labels: ArrayLike, *, bins: PositiveInt = 15) -> float:
    """The expected calibration error: `|accuracy - mean confidence|`, averaged over bins of confidence by their samples.

    Args:
        logits: float[N, K], logits or log-probabilities.
        labels: int[N].
        bins: The number of equal-width bins ((b - 1) / bins, b / bins].

    Returns:
        The error, in [0, 1].

    Raises:
        ValueError: If shapes, classes or numbers do not fit.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import ece
        >>> round(ece(np.log([[0.4, 0.6], [0.1, 0.9]]), [0, 1]), 2)
        0.35

    Source:
        Guo et al. (2017), On calibration of modern neural networks, Eq. 3.
    """
    log_p, given = _checked(logits, labels)
    confidence = np.exp(log_p.max(axis=1))
    return float(_gaps(confidence[:, None], (log_p.argmax(axis=1) == given)[:, None], bins)[0])


@joined_by_index
def ece_classwise(logits: ArrayLike, labels: ArrayLike, *, bins: PositiveInt = 15) -> float:
    """The classwise calibration error: for each class, the gap between its probability and its frequency; mean over classes.

    Args:
        logits: float[N, K], logits or log-probabilities.
        labels: int[N].
        bins: The number of equal-width bins of a class's probability.

    Returns:
        The error, in [0, 1].

    Raises:
        ValueError: If shapes, classes or numbers do not fit.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import ece_classwise
        >>> round(ece_classwise(np.log([[0.4, 0.6], [0.1, 0.9]]), [0, 1]), 2)
        0.35

    Source:
        Kull et al. (2019), Beyond temperature scaling, Eq. 3.
    """
    log_p, given = _checked(logits, labels)
    return float(_gaps(np.exp(log_p), given[:, None] == np.arange(log_p.shape[1]), bins).mean())


@joined_by_index
def brier(logits: ArrayLike, labels: ArrayLike) -> float:
    """The Brier score: the mean over samples of the squared distance between probabilities and the one-hot label.

    Args:
        logits: float[N, K], logits or log-probabilities.
        labels: int[N].

    Returns:
        The score, in [0, 2].

    Raises:
        ValueError: If shapes, classes or numbers do not fit.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import brier
        >>> round(brier(np.log([[0.5, 0.5], [0.1, 0.9]]), [0, 1]), 2)
        0.26

    Source:
        Brier (1950), Verification of forecasts expressed in terms of probability, Eq. 2.
    """
    log_p, given = _checked(logits, labels)
    error = np.exp(log_p)
    error[np.arange(len(given)), given] -= 1
    return float((error**2).sum(axis=1).mean())


@joined_by_index
def aurc(logits: ArrayLike, labels: ArrayLike) -> float:
    """The area under the risk-coverage curve: the error rate among the n most confident samples, mean over n = 1 to N.

    Samples of equal confidence count in the mean over all their orders.

    Args:
        logits: float[N, K], logits or log-probabilities.
        labels: int[N].

    Returns:
        The area, in [0, 1]; the error rate itself if confidence says nothing.

    Raises:
        ValueError: If shapes, classes or numbers do not fit.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import aurc
        >>> aurc(np.log([[0.4, 0.6], [0.1, 0.9]]), [0, 1])
        0.25

    Source:
        Geifman et al. (2019), Bias-reduced uncertainty estimation for deep neural classifiers, Sec. 3.
    """
    log_p, given = _checked(logits, labels)
    _, tied, count = np.unique(-log_p.max(axis=1), return_inverse=True, return_counts=True)
    wrong = np.bincount(tied, log_p.argmax(axis=1) != given) / count
    risks = np.repeat(wrong, count).cumsum() / np.arange(1, len(given) + 1)
    return float(risks.mean())


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-probabilities float64[N, K]; the same for logits of any precision that differ by a constant per sample."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Log-probabilities float64[N, K] and labels int64[N]."""
    z, given = check_outputs(logits, labels)
    # The highest of numbers with NaN is NaN.
    unknown = np.flatnonzero(~np.isfinite(z.max(axis=1)))
    if len(unknown):
        raise ValueError(
            f"logits must be numbers, got NaN or infinity for {len(unknown)} of {len(z)} samples, the first at position "
            f"{unknown[0]}; leave out those without a prediction, classes_of(logits) < 0, and say how many they are"
        )
    return log_softmax(z), given


def check_outputs(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Both as arrays [N, K] and [N]. Raises ValueError if they do not fit each other."""
    z, given = np.asarray(logits), label_array(labels)
    if z.ndim != 2 or not z.size or given.shape != z.shape[:1] or given.dtype.kind not in "iu":
        raise ValueError(
            f"logits and labels must be float[N, K] and int[N], got {list(z.shape)} and {given.dtype}{given.shape}"
        )
    if given.min() < 0 or given.max() >= z.shape[1]:
        raise ValueError(f"labels must be in [0, {z.shape[1]}), got {given.min()} to {given.max()}")
    return z, given.astype(np.int64)


def _gaps(p: NDArray[np.float64], event: NDArray[np.bool_], bins: int) -> NDArray[np.float64]:
    """float64[C]: for each column of probabilities p [N, C] and events, the calibration error over equal-width bins."""
    samples, columns = p.shape
    place = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1) + bins * np.arange(columns)
    difference = np.bincount(place.ravel(), (p - event).ravel(), minlength=bins * columns)
    return np.asarray(np.abs(difference).reshape(columns, bins).sum(axis=1) / samples)
