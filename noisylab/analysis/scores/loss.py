"""The loss of the last epoch."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_epochs
from noisylab.core.registries import SCORES


@SCORES.register("loss", needs="loss", high=True)
def last_loss(loss: ArrayLike, *, running: bool = False) -> Values:
    """float64[N], the latest of each sample's losses [E, N]; NaN entries are left out.

    running: the value after each epoch, float64[E, N]. Raises ValueError for other shapes.
    """
    array, there = check_epochs(loss, "loss")

    def latest() -> Iterator[Values]:
        value = np.zeros(array.shape[1])
        for now, present in zip(array, there, strict=True):
            value = np.where(present, now, value)
            yield value

    return after_each(latest(), there, running)
