"""P(clean) from the losses: against scikit-learn's mixture, and on losses made of two known heaps."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from noisylab.analysis import beta_clean_probability, beta_mixture, clean_probability, loss_mixture

Losses = NDArray[np.float64]


def heaps(rate: float, seed: int) -> tuple[Losses, NDArray[np.bool_]]:
    """Losses of a training before it memorises: clean samples are near 0 with a tail, mislabelled ones are spread out above."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(2000) < rate
    return np.where(wrong, rng.normal(4, 1.2, 2000).clip(0.01), rng.exponential(0.7, 2000)), wrong


@pytest.mark.parametrize("rate", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_gaussian_one_is_that_of_scikit_learn_from_its_k_means(rate: float, seed: int) -> None:
    from sklearn.mixture import GaussianMixture

    loss, _ = heaps(rate, seed)
    scaled = ((loss - loss.min()) / (loss.max() - loss.min()))[:, None]
    reference = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(scaled)
    posterior = reference.predict_proba(scaled)[:, reference.means_.argmin()]
    np.testing.assert_allclose(clean_probability(loss), posterior, atol=1e-2)


@pytest.mark.parametrize("posterior", [clean_probability, beta_clean_probability])
@pytest.mark.parametrize("rate", [0.2, 0.4, 0.6])
def test_both_split_far_better_than_chance(posterior: object, rate: float) -> None:
    loss, wrong = heaps(rate, seed=3)
    p = posterior(loss)  # type: ignore[operator]
    assert (np.diff(p[np.argsort(loss)])[1000:] <= 1e-12).all(), "it falls as the loss rises"
    assert ((p > 0.5) != wrong).mean() > 0.85
    assert 1 - wrong.mean() < 0.84, "naming all clean would be worse"
    shuffled = np.random.default_rng(0).permutation(wrong)
    assert ((p > 0.5) != shuffled).mean() < 0.75


def test_the_start_matters_where_one_heap_is_small() -> None:
    loss, wrong = heaps(0.2, seed=5)
    split = [((clean_probability(loss, start=start) > 0.5) != wrong).mean() for start in ("kmeans", "halves")]
    assert split[0] > split[1]
    with pytest.raises(ValueError, match="start must be one of 'kmeans', 'halves'"):
        loss_mixture(loss[None], start="mean")  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_the_beta_one_is_the_published_fit(rate: float) -> None:
    loss, _ = heaps(rate, seed=4)
    low, high = np.percentile(loss, 5), np.percentile(loss, 95)
    x = np.clip((loss[(loss >= low) & (loss <= high)] - low) / (high - low), 1e-3, 1 - 1e-3)
    shapes, shares = [(1.0, 2.0), (2.0, 1.0)], [0.5, 0.5]
    for _ in range(10):
        densities = np.array([share * stats.beta.pdf(x, *shape) for share, shape in zip(shares, shapes, strict=True)])
        weights = densities / densities.sum(axis=0)
        shares = (weights.sum(axis=1) / len(x)).tolist()
        shapes = []
        for weight in weights:
            mean = (weight * x).sum() / weight.sum()
            variance = (weight * (x - mean) ** 2).sum() / weight.sum()
            a = mean * (mean * (1 - mean) / variance - 1)
            shapes.append((a, a * (1 - mean) / mean))

    def clean(at: Losses) -> Losses:
        first, second = (share * stats.beta.pdf(at, *shape) for share, shape in zip(shares, shapes, strict=True))
        return first / (first + second)

    # From the least clean loss on, of 100 between the percentiles, nothing is cleaner.
    grid = np.linspace(1e-3, 1 - 1e-3, 100)
    scaled = np.clip((loss - low) / (high - low), 1e-3, grid[clean(grid).argmin()])
    np.testing.assert_allclose(beta_clean_probability(loss), clean(scaled), rtol=1e-6, atol=1e-9)


def test_of_equal_losses_and_of_none_nothing_is_known() -> None:
    for posterior in (clean_probability, beta_clean_probability):
        assert np.isnan(posterior(np.ones(5))).all()
        assert np.isnan(posterior([])).all()
        assert np.isnan(posterior([np.nan, np.nan])).all()
        loss, _ = heaps(0.4, seed=7)
        p = posterior(np.append(loss, [np.nan, np.inf, loss[0]]))
        assert np.isnan(p[-3])
        assert p[-2] < 0.5
        assert p[-1] == p[0]
        with pytest.raises(ValueError, match="loss must have shape"):
            posterior(np.ones((2, 3)))


def test_the_beta_one_over_epochs() -> None:
    loss = np.random.default_rng(2).gamma(2, size=(4, 50))
    np.testing.assert_array_equal(beta_mixture(loss), beta_clean_probability(loss[3]))
    np.testing.assert_array_equal(beta_mixture(loss, window=2, running=True)[2], beta_clean_probability(loss[1:3].mean(axis=0)))
    with pytest.raises(ValueError, match="window"):
        beta_mixture(loss, window=5)
