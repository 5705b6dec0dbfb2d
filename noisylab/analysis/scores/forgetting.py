"""Forgetting events, learning time, wrong-event count: how a sample is learned as its given label."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_correct
from noisylab.core.registries import SCORES


@SCORES.register("forgetting_events", needs="correct", high=True)
def forgetting_events(correct: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """float64[N], how often a sample went from correct to wrong between consecutive presentations (Toneva et al. 2019).

    correct: bool[E, N], whether the prediction is the given label. A sample that was never learned has infinitely many. shown:
    bool[E, N], which epochs showed the sample (default: all); NaN where none did. running: the value after each epoch,
    float64[E, N]. Raises ValueError for other shapes.
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
    """float64[N], the last epoch with a wrong prediction + 1: from then on the sample is predicted as its given label.

    0 for a sample that never was wrong, E for one that is in the end. Arguments as for `forgetting_events`; the iteration
    learned of Toneva et al. 2019, by given label.
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
    """float64[N], the number of epochs in which the sample was not predicted as its given label.

    Arguments as for `forgetting_events`. Counts whole training, so it stays a detector where the current loss no longer is one.
    """
    right, there = check_correct(correct, shown)

    def values() -> Iterator[Values]:
        events = np.zeros(right.shape[1])
        for now, present in zip(right, there, strict=True):
            events += ~now & present
            yield events

    return after_each(values(), there, running)
