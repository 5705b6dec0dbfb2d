"""P(clean) from a mixture of two Gaussians over the losses of all samples (Arazo et al. 2019; DivideMix, Li et al. 2020)."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, check_epochs
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import SCORES


def clean_probability(loss: ArrayLike) -> Values:
    """P(clean): the posterior of the component with the smaller mean in a mixture of two Gaussians.

    Losses are scaled to [0, 1] and fitted with DivideMix's settings (10 iterations, tolerance 1e-2, 5e-4 added to variances),
    starting from the two halves, so that equal losses give equal numbers. An infinite loss counts as the largest finite one.

    Args:
        loss: float[N], the losses of one epoch.

    Returns:
        float64[N]; NaN for NaN, and NaN everywhere if all losses are equal.

    Raises:
        ValueError: For another shape.

    Example:
        >>> from noisylab.analysis import clean_probability
        >>> (clean_probability([0.1, 0.2, 0.1, 3.0, 3.1]) > 0.5).tolist()
        [True, True, True, False, False]

    Source:
        Arazo et al., ICML 2019; DivideMix, Li et al., ICLR 2020.
    """
    from sklearn.mixture import GaussianMixture

    values = np.array(loss, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"loss must have shape (samples,), got {values.shape}")
    there = ~np.isnan(values)
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() == finite.max():
        return np.full(len(values), np.nan)
    low, high = finite.min(), finite.max()
    scaled = (np.clip(values[there], low, high) - low) / (high - low)
    middle = np.median(scaled)
    lower, upper = scaled[scaled <= middle], scaled[scaled > middle]
    if not len(upper):
        lower, upper = scaled[scaled < middle], scaled[scaled >= middle]
    spread = np.array([lower.var(), upper.var()]) + 5e-4
    mixture = GaussianMixture(
        2,
        # In one dimension all types are equivalent, and this one is the fastest.
        covariance_type="diag",
        max_iter=10,
        tol=1e-2,
        reg_covar=5e-4,
        weights_init=np.array([len(lower), len(upper)]) / len(scaled),
        means_init=np.array([[lower.mean()], [upper.mean()]]),
        precisions_init=1 / spread[:, None],
        random_state=0,
    )
    # The recorded losses are float32, in which a fit takes two thirds of the time.
    posterior = _fit(mixture, scaled[:, None].astype(np.float32))
    result = np.full(len(values), np.nan)
    result[there] = posterior[:, mixture.means_.argmin()]
    return result


def _fit(mixture: "object", column: Values) -> Values:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # The published setting is ten iterations, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(mixture.fit(column).predict_proba(column))  # type: ignore[attr-defined]


@SCORES.register("loss_mixture", needs="loss", high=False)
def loss_mixture(loss: ArrayLike, *, window: PositiveInt = 1, running: bool = False) -> Values:
    """`clean_probability` of the losses of the last epochs, averaged.

    Args:
        loss: float[E, N].
        window: Number of epochs; DivideMix takes 5 for rate 0.9.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import loss_mixture
        >>> (loss_mixture([[0.1, 0.2, 0.1, 3.0, 3.1]]) > 0.5).tolist()
        [True, True, True, False, False]
    """
    array, there = check_epochs(loss, "loss")
    if not 1 <= window <= len(array):
        raise ValueError(f"window must be in [1, {len(array)}], got {window!r}")

    def after(epoch: int) -> Values:
        rows = slice(max(0, epoch + 1 - window), epoch + 1)
        present = there[rows]
        total = np.where(present, array[rows].astype(np.float64), 0).sum(axis=0)
        return clean_probability(np.where(present.any(axis=0), total / np.maximum(present.sum(axis=0), 1), np.nan))

    if not running:
        return after(len(array) - 1)
    return np.stack([after(epoch) for epoch in range(len(array))])
