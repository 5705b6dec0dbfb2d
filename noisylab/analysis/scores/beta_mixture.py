"""P(clean) from a mixture of two beta distributions over the losses of all samples (Arazo et al., ICML 2019)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, expit

from noisylab.analysis._running import Values
from noisylab.analysis.scores.loss_mixture import of_last_epochs
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import SCORES

# Distance of the scaled losses from 0 and 1, where densities are 0 or infinite.
MARGIN = 1e-3
ITERATIONS = 10


def beta_clean_probability(loss: ArrayLike) -> Values:
    """P(clean): the posterior of the component with the smaller mean in a mixture of two betas.

    As in the public code: losses are scaled so that their 5th and 95th percentiles are 0 and 1, the fit has 10 iterations of
    expectation and weighted moments from Beta(1, 2) and Beta(2, 1), and losses outside are not fitted; they are judged like the
    nearest one inside. P(clean) does not rise again beyond its minimum. An infinite loss counts as the largest.

    Args:
        loss: float[N], the losses of one epoch.

    Returns:
        float64[N]; NaN for NaN, and NaN everywhere if the percentiles are equal.

    Raises:
        ValueError: For another shape.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import beta_clean_probability
        >>> loss = np.r_[np.linspace(0.0, 1.0, 50), np.linspace(4.0, 5.0, 50)]
        >>> (beta_clean_probability(loss) > 0.5).sum()
        np.int64(50)

    Source:
        Arazo et al., ICML 2019, section 3.1.
    """
    values = np.array(loss, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"loss must have shape (samples,), got {values.shape}")
    result = np.full(len(values), np.nan)
    there = ~np.isnan(values)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (5, 95)) if len(finite) else (0.0, 0.0)
    if low == high:
        return result
    scaled = np.clip((values[there] - low) / (high - low), MARGIN, 1 - MARGIN)
    fitted = scaled[(values[there] >= low) & (values[there] <= high)]
    shapes, shares = np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([0.5, 0.5])
    for _ in range(ITERATIONS):
        first = _posterior(fitted, shapes, shares)
        weights = np.stack([first, 1 - first]) + 1e-12
        shapes = np.stack([_moments(fitted, weight) for weight in weights])
        shares = weights.sum(axis=1) / weights.sum()
    # The lower component is the clean one.
    order = np.argsort(shapes[:, 0] / shapes.sum(axis=1))
    shapes, shares = shapes[order], shares[order]
    grid = np.linspace(MARGIN, 1 - MARGIN, 100)
    # A wide lower component can be the likelier one again near 1, so P(clean) stays at its minimum from there on.
    lowest = grid[_posterior(grid, shapes, shares).argmin()]
    result[there] = _posterior(np.minimum(scaled, lowest), shapes, shares)
    return result


def _posterior(x: Values, shapes: NDArray[np.float64], shares: NDArray[np.float64]) -> Values:
    """The probability of the first component at every x in (0, 1)."""
    (a, b), (c, d) = shapes
    odds = (a - c) * np.log(x) + (b - d) * np.log1p(-x) + betaln(c, d) - betaln(a, b) + np.log(shares[0] / shares[1])
    return np.asarray(expit(odds))


def _moments(x: Values, weight: Values) -> Values:
    """The shapes (a, b) of the beta distribution with the weighted mean and variance of x."""
    mean = np.average(x, weights=weight)
    variance = max(np.average((x - mean) ** 2, weights=weight), 1e-6)
    total = mean * (1 - mean) / variance - 1
    return np.array([mean * total, (1 - mean) * total])


@SCORES.register("beta_mixture", needs="loss", high=False)
def beta_mixture(loss: ArrayLike, *, window: PositiveInt = 1, running: bool = False) -> Values:
    """`beta_clean_probability` of the losses of the last epochs, averaged (Arazo et al. 2019).

    Args:
        loss: float[E, N].
        window: Number of epochs.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> import numpy as np
        >>> from noisylab.analysis import beta_mixture
        >>> loss = np.r_[np.linspace(0.0, 1.0, 50), np.linspace(4.0, 5.0, 50)]
        >>> (beta_mixture(loss[None]) > 0.5).sum()
        np.int64(50)
    """
    return of_last_epochs(beta_clean_probability, loss, window=window, running=running)
