"""The loss of the last epoch."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_epochs
from noisylab.core.registries import SCORES


@SCORES.register("loss", needs="loss", high=True)
def last_loss(loss: ArrayLike, *, running: bool = False) -> Values:
    """The loss of each sample in the latest epoch that showed it.

    Args:
        loss: float[E, N]; NaN entries are left out.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import last_loss
        >>> last_loss([[0.5, 2.0], [0.25, float("nan")]]).tolist()
        [0.25, 2.0]
    """
    array, there = check_epochs(loss, "loss")

    def latest() -> Iterator[Values]:
        value = np.zeros(array.shape[1])
        for now, present in zip(array, there, strict=True):
            value = np.where(present, now, value)
            yield value

    return after_each(latest(), there, running)
