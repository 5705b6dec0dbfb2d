"""Part-dependent instance noise (PDN, Xia et al. 2020): the wrong label of a sample depends on its features."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, Positive, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import CHUNK, PerSample, Sampling
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_features, check_true_labels

SPREAD = 0.1
"""The standard deviation of flip probabilities over samples, in the paper."""


@NOISES.register("instance", main="rate")
@named_classes
def instance(
    labels: ArrayLike,
    rate: UnitInterval,
    features: ArrayLike,
    num_classes: PositiveInt | None = None,
    *,
    temperature: Positive = 1.0,
    saturated: bool = False,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
) -> NoisyLabels:
    """Sample n flips with its own probability q_n around `rate`, to a class that depends on its features (PDN, Xia 2020).

    q_n ~ TruncNormal(r, .1, [0, 1]), p_j = q_n softmax_{j != y}(x_n W_y / t) with W_y ~ N(0, 1)^{d x C}. By default q is
    scaled so that its mean is r (as published .1 becomes .129), features are standardised and t = temperature sqrt(d), so that
    several wrong labels are likely. Nested over rates in every mode.

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        features: number[N, ...], such as images.
        num_classes: The number of classes; by default, that of the labels.
        temperature: A higher value spreads wrong labels more evenly.
        saturated: The published behaviour: raw features, t = temperature, unscaled q. The softmax then puts nearly all mass on
            one class, and rate 0 is not free of noise.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws.

    Returns:
        The record.

    Raises:
        ValueError: For bad labels, rate or features.

    Example:
        >>> import numpy as np
        >>> from noisylab.corruption import instance
        >>> round(instance([0, 1] * 100, 0.3, np.random.default_rng(0).normal(size=(200, 5))).rate, 2)
        0.3
    """
    clean, classes = check_true_labels(labels, num_classes)
    r, x = float(rate), check_features(features, len(clean))
    if classes < 2:
        raise ValueError(f"instance noise needs at least 2 classes, got num_classes = {classes}")
    rng = np.random.default_rng(derive_seed(seed, "noise/instance"))
    quantile = (rng.permutation(len(clean)) + 0.5) / len(clean)
    x = x.reshape(len(x), -1)
    mean, scale = (np.zeros(1), np.ones(1)) if saturated else _standardisation(x)
    divisor = temperature * (1.0 if saturated else np.sqrt(x.shape[1]))

    def weights(index: NDArray[np.int64]) -> NDArray[np.float64]:
        scores = np.empty((len(index), classes))
        for true in np.unique(clean[index]):
            rows = clean[index] == true
            normal = np.random.default_rng(derive_seed(seed, "noise/instance", int(true)))
            projection = normal.standard_normal((x.shape[1], classes), dtype=np.float32)
            scores[rows] = ((x[index[rows]] - mean) / scale).astype(np.float32) @ projection / divisor
            scores[rows, true] = -np.inf
        return np.asarray(np.exp(scores - scores.max(axis=1, keepdims=True)))

    noise = PerSample(
        flip_probability=_probability(np.float64(r), quantile, saturated),
        level=lambda uniform: _level(uniform, quantile, saturated),
        weights=weights,
    )
    parameters = {"temperature": float(temperature), "saturated": bool(saturated)}
    return corrupt(clean, noise, classes, kind="instance", nominal_rate=r, parameters=parameters, sampling=sampling, seed=seed)


def _probability(rate: NDArray[np.float64] | np.float64, quantile: NDArray[np.float64], saturated: bool) -> NDArray[np.float64]:
    """The quantiles of TruncNormal(rate, .1, [0, 1]), scaled to the mean `rate` unless `saturated`."""
    from scipy.special import ndtr, ndtri

    low, high = -rate / SPREAD, (1 - rate) / SPREAD
    mass = ndtr(high) - ndtr(low)
    q = np.clip(rate + SPREAD * ndtri(ndtr(low) + quantile * mass), 0, 1)
    if saturated:
        return np.asarray(q)
    density = (np.exp(-(low**2) / 2) - np.exp(-(high**2) / 2)) / np.sqrt(2 * np.pi)
    mean = rate + SPREAD * density / mass
    # Scaled from the further end, so that it stays in [0, 1].
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(mean >= rate, q * rate / mean, 1 - (1 - q) * (1 - rate) / (1 - mean)))


def _level(uniform: NDArray[np.float64], quantile: NDArray[np.float64], saturated: bool) -> NDArray[np.float64]:
    """The rate from which each sample flips, by bisection; 2 if it never does."""
    low, high = np.zeros(len(uniform)), np.ones(len(uniform))
    for _ in range(40):
        middle = (low + high) / 2
        flips = _probability(middle, quantile, saturated) > uniform
        low, high = np.where(flips, low, middle), np.where(flips, middle, high)
    return high


def _standardisation(x: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of every feature; 1 for constant ones."""
    total, square = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for part in _parts(x):
        total += part.sum(axis=0)
    mean = total / len(x)
    for part in _parts(x):
        square += ((part - mean) ** 2).sum(axis=0)
    scale = np.sqrt(square / len(x))
    return mean, np.where(scale > 0, scale, 1)


def _parts(x: NDArray[np.generic]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(x), CHUNK):
        yield x[start : start + CHUNK].astype(np.float64)
