"""Forgetting events, learning time and wrong-event count: how a sample is learned as its given label."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_correct
from noisylab.core.registries import SCORES


@SCORES.register("forgetting_events", needs="correct", high=True)
def forgetting_events(correct: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """How often a sample went from correct to wrong between consecutive presentations (Toneva et al. 2019).

    Args:
        correct: bool[E, N], whether the prediction is the given label.
        shown: bool[E, N], which epochs showed the sample; by default all.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`; infinite for samples that were never learned, NaN for samples never shown.

    Example:
        >>> from noisylab.analysis import forgetting_events
        >>> forgetting_events([[True, False], [False, False], [True, False]]).tolist()
        [1.0, inf]

    Source:
        Toneva et al., ICLR 2019.
    """
    right, there = check_correct(correct, shown)

    def values() -> Iterator[Values]:
        before, learned = np.zeros((2, right.shape[1]), dtype=np.bool_)
        events = np.zeros(right.shape[1])
        for now, present in zip(right, there, strict=True):
            events += before & ~now & present
            learned |= now & present
            before = np.where(present, now, before)
            yield np.where(learned, events, np.inf)

    return after_each(values(), there, running)


@SCORES.register("learning_time", needs="correct", high=True)
def learning_time(correct: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """The epoch from which a sample is always predicted as its given label (after Toneva et al. 2019).

    Args:
        correct: bool[E, N], whether the prediction is the given label.
        shown: bool[E, N], which epochs showed the sample; by default all.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`: 0 if never wrong, E if wrong in the last epoch.

    Example:
        >>> from noisylab.analysis import learning_time
        >>> learning_time([[True, False], [True, True]]).tolist()
        [0.0, 1.0]
    """
    right, there = check_correct(correct, shown)

    def values() -> Iterator[Values]:
        time = np.zeros(right.shape[1])
        for epoch, (now, present) in enumerate(zip(right, there, strict=True)):
            time = np.where(~now & present, epoch + 1, time)
            yield time

    return after_each(values(), there, running)


@SCORES.register("wrong_events", needs="correct", high=True)
def wrong_events(correct: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """The number of epochs in which the sample was not predicted as its given label.

    It counts over the whole training, so it still detects mislabelled samples after the network has memorised them.

    Args:
        correct: bool[E, N], whether the prediction is the given label.
        shown: bool[E, N], which epochs showed the sample; by default all.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import wrong_events
        >>> wrong_events([[True, False], [True, True]]).tolist()
        [0.0, 1.0]
    """
    right, there = check_correct(correct, shown)

    def values() -> Iterator[Values]:
        events = np.zeros(right.shape[1])
        for now, present in zip(right, there, strict=True):
            events += ~now & present
            yield events

    return after_each(values(), there, running)
