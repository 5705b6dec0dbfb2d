"""Prediction consistency: whether a sample is predicted alike again and again, between epochs and between presentations."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_epochs, mean_over_epochs
from noisylab.core.registries import SCORES


@SCORES.register("prediction_consistency", needs="prediction", high=False)
def prediction_consistency(prediction: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """float64[N], the share of consecutive presentations with the same predicted class.

    prediction: int[E, N]. shown: bool[E, N], which epochs showed the sample (default: all); consecutive ones are those shown.
    NaN where fewer than two were. running: the value after each epoch, float64[E, N]. Raises ValueError for other shapes.
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
    """float64[N], the entropy in nats of the histogram of predicted classes over epochs: -sum_k f_k log f_k.

    0 for a sample that is always predicted alike. Arguments as for `prediction_consistency`.
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
            # Of sum_k c_k log c_k, one term changes in an epoch.
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
    """float64[N], the mean of KL divergences [E, N] in nats between consecutive soft predictions; NaN where there is none."""
    return mean_over_epochs(divergence, "divergence", running=running)


@SCORES.register("step_consistency", needs="agreement", high=False)
def step_consistency(agreement: ArrayLike, *, running: bool = False) -> Values:
    """float64[N], the share of second presentations that were predicted as the one before, in DLB in the batch before.

    agreement: int[E, N] of 1 (alike), 0 (not) and -1 (no second presentation); NaN where all are -1.
    """
    array = np.asarray(agreement)
    return mean_over_epochs(array, "agreement", shown=array >= 0, running=running)


@SCORES.register("step_divergence", needs="step_divergence", high=True)
def step_divergence(divergence: ArrayLike, *, running: bool = False) -> Values:
    """float64[N], the mean of KL divergences [E, N] in nats between a second presentation and the one before; NaN if none."""
    return mean_over_epochs(divergence, "divergence", running=running)
