"""P(clean) from a mixture of two Gaussians over the losses of all samples (DivideMix, Li et al. 2020)."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis._running import Values, check_epochs
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import SCORES

Start = Literal["kmeans", "halves"]


def clean_probability(loss: ArrayLike, *, start: Start = "kmeans") -> Values:
    """P(clean): the posterior of the component with the smaller mean in a mixture of two Gaussians.

    Losses are scaled to [0, 1] and fitted with DivideMix's settings (10 iterations, tolerance 1e-2, 5e-4 added to variances),
    so that equal losses give equal numbers. An infinite loss counts as the largest finite one.

    Args:
        loss: float[N], the losses of one epoch.
        start: What the fit starts from: "kmeans", the best two clusters, as in DivideMix; "halves", below and above the median.

    Returns:
        float64[N]; NaN for NaN, and NaN everywhere if all losses are equal.

    Raises:
        ValueError: For another shape.

    Example:
        >>> from noisylab.analysis import clean_probability
        >>> (clean_probability([0.1, 0.2, 0.1, 3.0, 3.1]) > 0.5).tolist()
        [True, True, True, False, False]

    Source:
        DivideMix, Li et al., ICLR 2020; from Arazo et al., ICML 2019, who fit betas: `beta_mixture`.
    """
    values = np.array(loss, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"loss must have shape (samples,), got {values.shape}")
    there = ~np.isnan(values)
    result = np.full(len(values), np.nan)
    fitted = _fitted(values[there], start)
    if fitted is not None:
        mixture, column, _, _ = fitted
        result[there] = np.asarray(mixture.predict_proba(column))[:, mixture.means_.argmin()]
    return result


class LossMixture(NamedTuple):
    """The mixture that `clean_probability` fits, in nats; the lower component first.

    Attributes:
        weights: float64[2], the shares of the components.
        means: float64[2].
        deviations: float64[2], standard deviations.
    """

    weights: Values
    means: Values
    deviations: Values


def fitted_mixture(loss: ArrayLike, *, start: Start = "kmeans") -> LossMixture | None:
    """The mixture of two Gaussians that `clean_probability` fits to losses float[N]; None if all are equal."""
    values = np.array(loss, dtype=np.float64)
    fitted = _fitted(values[~np.isnan(values)], start)
    if fitted is None:
        return None
    mixture, _, low, high = fitted
    order = np.argsort(mixture.means_[:, 0])
    means, spread = mixture.means_[order, 0] * (high - low) + low, np.sqrt(mixture.covariances_[order, 0]) * (high - low)
    return LossMixture(mixture.weights_[order], means, spread)


def _fitted(values: Values, start: Start) -> "tuple[Any, NDArray[np.float32], float, float] | None":
    """The mixture over losses without NaN, these as it takes them, and the losses at 0 and 1; None if all are equal."""
    from sklearn.mixture import GaussianMixture

    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() == finite.max():
        return None
    low, high = float(finite.min()), float(finite.max())
    scaled = (np.clip(values, low, high) - low) / (high - low)
    above = scaled >= (_cluster_start(scaled) if start == "kmeans" else _half_start(scaled))
    lower, upper = scaled[~above], scaled[above]
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
    column: NDArray[np.float32] = scaled[:, None].astype(np.float32)
    _fit(mixture, column)
    return mixture, column, low, high


def _cluster_start(scaled: Values) -> float:
    """The smallest value of the upper of the two clusters with the least squared distances: k-means in one dimension."""
    ordered = np.sort(scaled)
    size = np.arange(1, len(ordered))
    below = np.cumsum(ordered)[:-1]
    between = below**2 / size + (ordered.sum() - below) ** 2 / (len(ordered) - size)
    # Equal values are in one cluster.
    return float(ordered[1:][np.where(np.diff(ordered) > 0, between, -np.inf).argmax()])


def _half_start(scaled: Values) -> float:
    """The smallest value above the median, or the median if there is none."""
    middle = np.median(scaled)
    upper = scaled[scaled > middle]
    return float(upper.min() if len(upper) else middle)


def _fit(mixture: Any, column: NDArray[np.float32]) -> None:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # The published setting is ten iterations, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(column)


@SCORES.register("loss_mixture", needs="loss", high=False)
def loss_mixture(
    loss: ArrayLike,
    *,
    window: PositiveInt = 1,
    start: Literal["kmeans", "halves"] = "kmeans",
    running: bool = False,
) -> Values:
    """`clean_probability` of the losses of the last epochs, averaged (DivideMix, Li et al. 2020).

    Args:
        loss: float[E, N].
        window: Number of epochs; DivideMix takes 5 for rate 0.9.
        start: What the fit starts from: "kmeans", as in DivideMix, or "halves", below and above the median.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import loss_mixture
        >>> (loss_mixture([[0.1, 0.2, 0.1, 3.0, 3.1]]) > 0.5).tolist()
        [True, True, True, False, False]
    """
    return of_last_epochs(lambda row: clean_probability(row, start=start), loss, window=window, running=running)


def of_last_epochs(posterior: Callable[[Values], Values], loss: ArrayLike, *, window: int, running: bool) -> Values:
    """`posterior` of the losses float[E, N], averaged over the last `window` epochs, at the end or after each epoch."""
    array, there = check_epochs(loss, "loss")
    if not 1 <= window <= len(array):
        raise ValueError(f"window must be in [1, {len(array)}], got {window!r}")

    def after(epoch: int) -> Values:
        rows = slice(max(0, epoch + 1 - window), epoch + 1)
        present = there[rows]
        total = np.where(present, array[rows].astype(np.float64), 0).sum(axis=0)
        return posterior(np.where(present.any(axis=0), total / np.maximum(present.sum(axis=0), 1), np.nan))

    if not running:
        return after(len(array) - 1)
    return np.stack([after(epoch) for epoch in range(len(array))])
