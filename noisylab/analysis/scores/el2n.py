"""EL2N: the error norm early in training (Paul et al. 2021)."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, check_epochs, mean_over_epochs
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import SCORES


def error_norm(probabilities: ArrayLike, given: ArrayLike) -> Values:
    """float64[N], the Euclidean norm of p - onehot(given) for probabilities [N, K] and labels int[N]."""
    p, labels = np.array(probabilities, dtype=np.float64), np.asarray(given)
    if p.ndim != 2 or labels.shape != p.shape[:1]:
        raise ValueError(f"probabilities and given must have shapes (N, K) and (N,), got {p.shape} and {labels.shape}")
    p[np.arange(len(p)), labels] -= 1
    return np.asarray(np.linalg.norm(p, axis=1))


@SCORES.register("el2n", needs="el2n", high=True)
def el2n(norm: ArrayLike, *, first: PositiveInt | None = None, running: bool = False) -> Values:
    """float64[N], the mean error norm [E, N] over the first epochs; for the score of the paper, average it over runs.

    first: how many epochs (default: a tenth of them, at least one; the paper scores epoch 20 of 200, as a mean over 10 runs).
    running: the value after each epoch, float64[E, N], which stays after `first`. Raises ValueError for other shapes.
    """
    array, _ = check_epochs(norm, "norm")
    count = max(1, len(array) // 10) if first is None else first
    if not 1 <= count <= len(array):
        raise ValueError(f"first must be in [1, {len(array)}], got {first!r}")
    if not running:
        return mean_over_epochs(array[:count], "norm")
    early = mean_over_epochs(array[:count], "norm", running=True)
    return np.concatenate([early, np.broadcast_to(early[-1], (len(array) - count, array.shape[1]))])
