"""P(clean) from a mixture of two Gaussians over the losses of all samples (Arazo et al. 2019; DivideMix, Li et al. 2020)."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, check_epochs
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import SCORES


def clean_probability(loss: ArrayLike) -> Values:
    """float64[N], the posterior of the component with the smaller mean, for the losses float[N] of one epoch.

    Losses are scaled to [0, 1] and fitted with DivideMix's settings (10 iterations, tolerance 1e-2, 5e-4 added to variances),
    starting from the two halves, so that the same losses give the same numbers. NaN for NaN; an infinite loss counts as the
    largest finite one. Raises ValueError for other shapes, and NaN everywhere where all losses are equal.
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
        # Of one dimension all types are the same, and this one is the fastest.
        covariance_type="diag",
        max_iter=10,
        tol=1e-2,
        reg_covar=5e-4,
        weights_init=np.array([len(lower), len(upper)]) / len(scaled),
        means_init=np.array([[lower.mean()], [upper.mean()]]),
        precisions_init=1 / spread[:, None],
        random_state=0,
    )
    # In float32, which holds the recorded losses, a fit takes two thirds of the time.
    posterior = _fit(mixture, scaled[:, None].astype(np.float32))
    result = np.full(len(values), np.nan)
    result[there] = posterior[:, mixture.means_.argmin()]
    return result


def _fit(mixture: "object", column: Values) -> Values:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Ten iterations are the published setting, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(mixture.fit(column).predict_proba(column))  # type: ignore[attr-defined]


@SCORES.register("loss_mixture", needs="loss", high=False)
def loss_mixture(loss: ArrayLike, *, window: PositiveInt = 1, running: bool = False) -> Values:
    """float64[N], P(clean) from the losses [E, N] of the last `window` epochs, as a mean (DivideMix takes 5 for rate 0.9).

    running: the value after each epoch, float64[E, N]. Raises ValueError for other shapes.
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
