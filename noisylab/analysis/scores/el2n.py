"""EL2N: the error norm early in training (Paul et al. 2021)."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, check_epochs, mean_over_epochs
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import SCORES
from noisylab.corruption.sample_ids import joined_by_index
from noisylab.corruption.validation import label_array


@joined_by_index
def error_norm(probabilities: ArrayLike, given: ArrayLike) -> Values:
    """The Euclidean norm of p - onehot(given).

    Args:
        probabilities: float[N, K].
        given: int[N], given labels.

    Returns:
        float64[N]; NaN, which is missing, for probabilities that are not finite.

    Raises:
        ValueError: If the shapes do not fit, or a label is no column.

    Example:
        >>> from noisylab.analysis import error_norm
        >>> error_norm([[1.0, 0.0], [0.0, 1.0]], given=[0, 0]).round(2).tolist()
        [0.0, 1.41]
    """
    p, labels = np.array(probabilities, dtype=np.float64), label_array(given)
    if p.ndim != 2 or labels.shape != p.shape[:1]:
        raise ValueError(f"probabilities and given must have shapes (N, K) and (N,), got {p.shape} and {labels.shape}")
    if len(labels) and (labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < p.shape[1]):
        raise ValueError(f"given must be classes in [0, {p.shape[1]}), got {labels.dtype} {labels.min()} to {labels.max()}")
    p[~np.isfinite(p).all(axis=1)] = np.nan
    p[np.arange(len(p)), labels] -= 1
    return np.asarray(np.linalg.norm(p, axis=1))


@SCORES.register("el2n", needs="el2n", high=True)
def el2n(norm: ArrayLike, *, first: PositiveInt | None = None, running: bool = False) -> Values:
    """EL2N: the mean error norm over the first epochs (Paul et al. 2021). The paper also averages over runs.

    Args:
        norm: float[E, N]; NaN entries are left out.
        first: Number of epochs; by default a tenth, at least one. (The paper scores epoch 20 of 200, as a mean over 10 runs.)
        running: Whether to return the value after each epoch, which does not change after `first`.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import el2n
        >>> el2n([[0.5, 1.0], [0.25, 1.0]], first=2).tolist()
        [0.375, 1.0]

    Source:
        Paul et al., NeurIPS 2021, definition 2.2.
    """
    array, _ = check_epochs(norm, "norm")
    count = max(1, len(array) // 10) if first is None else first
    if not 1 <= count <= len(array):
        raise ValueError(f"first must be in [1, {len(array)}], got {first!r}")
    if not running:
        return mean_over_epochs(array[:count], "norm")
    early = mean_over_epochs(array[:count], "norm", running=True)
    return np.concatenate([early, np.broadcast_to(early[-1], (len(array) - count, array.shape[1]))])
