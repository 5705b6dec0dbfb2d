"""The data map of Swayamdipta et al. 2020: confidence, variability and correctness of every sample."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_correct, check_epochs, mean_over_epochs
from noisylab.core.registries import SCORES


@SCORES.register("confidence", needs="p_given", high=False)
def confidence(p_given: ArrayLike, *, running: bool = False) -> Values:
    """float64[N], the mean over epochs of the given label's probability [E, N]; NaN entries are left out.

    running: the value after each epoch, float64[E, N]. Raises ValueError for other shapes.
    """
    return mean_over_epochs(p_given, "p_given", running=running)


@SCORES.register("variability", needs="p_given", high=False)
def variability(p_given: ArrayLike, *, running: bool = False) -> Values:
    """float64[N], the population standard deviation over epochs of the given label's probability [E, N].

    Arguments as for `confidence`.
    """
    array, there = check_epochs(p_given, "p_given")

    def values() -> Iterator[Values]:
        # Welford's recurrence: a difference of sums of squares would lose the small ones.
        mean, squares, count = np.zeros((3, array.shape[1]))
        for now, present in zip(array, there, strict=True):
            count += present
            step = np.where(present, now - mean, 0)
            mean += step / np.maximum(count, 1)
            squares += step * np.where(present, now - mean, 0)
            yield np.sqrt(squares / np.maximum(count, 1))

    return after_each(values(), there, running)


@SCORES.register("correctness", needs="correct", high=False)
def correctness(correct: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """float64[N], the share of epochs in which the sample was predicted as its given label, of those that showed it.

    correct, shown: bool[E, N]. running as for `confidence`. (The authors' code has their number, not the share.)
    """
    right, there = check_correct(correct, shown)
    return mean_over_epochs(right, "correct", shown=there, running=running)
