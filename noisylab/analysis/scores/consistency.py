"""Prediction consistency: whether a sample keeps its prediction between epochs and between presentations."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_epochs, mean_over_epochs
from noisylab.core.registries import SCORES


@SCORES.register("prediction_consistency", needs="prediction", high=False)
def prediction_consistency(prediction: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """The share of consecutive presentations with the same predicted class.

    Args:
        prediction: int[E, N].
        shown: bool[E, N], which epochs showed the sample; by default all.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`; NaN for fewer than two presentations.

    Example:
        >>> from noisylab.analysis import prediction_consistency
        >>> prediction_consistency([[0, 1], [0, 2], [0, 2]]).tolist()
        [1.0, 0.5]
    """
    array, there = check_epochs(prediction, "prediction", shown)

    def values() -> Iterator[Values]:
        before, known = array[0], there[0]
        same, pairs = np.zeros((2, array.shape[1]))
        yield np.full(array.shape[1], np.nan)
        for now, present in zip(array[1:], there[1:], strict=True):
            compared = known & present
            same += compared & (now == before)
            pairs += compared
            before, known = np.where(present, now, before), known | present
            yield np.where(pairs > 0, same / np.maximum(pairs, 1), np.nan)

    return after_each(values(), there, running)


@SCORES.register("prediction_entropy", needs="prediction", high=True)
def prediction_entropy(prediction: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """The entropy of the histogram of predicted classes over epochs, -sum_k f_k log f_k, in nats.

    Args:
        prediction: int[E, N].
        shown: bool[E, N], which epochs showed the sample; by default all.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`; 0 for a sample that always has the same prediction.

    Example:
        >>> from noisylab.analysis import prediction_entropy
        >>> prediction_entropy([[0, 1], [0, 2]]).round(2).tolist()
        [0.0, 0.69]
    """
    array, there = check_epochs(prediction, "prediction", shown)
    if array.dtype.kind not in "iu":
        raise ValueError(f"prediction must be classes, got {array.dtype} values")

    def values() -> Iterator[Values]:
        samples = np.arange(array.shape[1])
        classes = int(array.max(initial=0, where=there)) + 1
        counts = np.zeros((array.shape[1], classes), dtype=np.int32)
        logs = np.arange(len(array) + 1) * np.log(np.maximum(np.arange(len(array) + 1), 1))
        shares, number = np.zeros(array.shape[1]), np.zeros(array.shape[1], dtype=np.int64)
        for now, present in zip(array, there, strict=True):
            # Only one term of sum_k c_k log c_k changes in an epoch.
            place = samples[present], now[present]
            count = counts[place]
            shares[present] += logs[count + 1] - logs[count]
            counts[place] = count + 1
            number += present
            entropy = np.log(np.maximum(number, 1)) - shares / np.maximum(number, 1)
            yield np.maximum(entropy, 0)

    return after_each(values(), there, running)


@SCORES.register("prediction_divergence", needs="divergence", high=True)
def prediction_divergence(divergence: ArrayLike, *, running: bool = False) -> Values:
    """The mean KL divergence between the soft predictions of consecutive epochs, in nats.

    Args:
        divergence: float[E, N]; NaN entries are left out.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`; NaN if there is none.

    Example:
        >>> from noisylab.analysis import prediction_divergence
        >>> prediction_divergence([[float("nan")], [0.5], [0.25]]).tolist()
        [0.375]
    """
    return mean_over_epochs(divergence, "divergence", running=running)


@SCORES.register("step_consistency", needs="agreement", high=False)
def step_consistency(agreement: ArrayLike, *, running: bool = False) -> Values:
    """The share of second presentations with the same predicted class as the first, in DLB one batch before.

    Args:
        agreement: int[E, N]: 1 (the same), 0 (another class) or -1 (no second presentation).
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`; NaN if there is no second presentation.

    Example:
        >>> from noisylab.analysis import step_consistency
        >>> step_consistency([[1, 1], [-1, 0]]).tolist()
        [1.0, 0.5]
    """
    array = np.asarray(agreement)
    return mean_over_epochs(array, "agreement", shown=array >= 0, running=running)


@SCORES.register("step_divergence", needs="step_divergence", high=True)
def step_divergence(divergence: ArrayLike, *, running: bool = False) -> Values:
    """The mean KL divergence between the soft predictions of first and second presentations, in nats.

    Args:
        divergence: float[E, N]; NaN entries are left out.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`; NaN if there is none.

    Example:
        >>> from noisylab.analysis import step_divergence
        >>> step_divergence([[0.5], [0.25]]).tolist()
        [0.375]
    """
    return mean_over_epochs(divergence, "divergence", running=running)
