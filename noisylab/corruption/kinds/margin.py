"""Polynomial-margin-diminishing noise (PMD, Zhang et al. 2021): samples near a decision boundary are mislabelled."""

from os import PathLike
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, PathText, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import PerSample, Sampling, sent_to
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_labels, check_posteriors, read_rows


@NOISES.register("margin", main="rate")
@named_classes
def margin(
    labels: ArrayLike,
    rate: UnitInterval,
    posteriors: ArrayLike | PathText | PathLike[str],
    num_classes: PositiveInt | None = None,
    *,
    form: Literal["I", "II", "III"] = "I",
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
    positions: ArrayLike | None = None,
) -> NoisyLabels:
    """The smaller the margin between a sample's two likeliest classes, the likelier it flips (PMD, Zhang et al. 2021).

    With D the difference of the two largest: tau_I = (1 - D^2)/2, tau_II = 1 - D^3, tau_III = 1 - (D^3 + D^2 + D)/3; sample n
    flips with min(1, c tau_n), c such that the mean is `rate`, to its likeliest class other than the true one (the runner-up
    if the posterior is right). Nested over rates in every mode.

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        posteriors: float[N, C] estimates of P(y | x), rows sum to 1, or the path of a `.npy` that holds them. The columns of a
            pandas table may be named by classes, in any order.
        num_classes: The number of classes; by default, that of the labels.
        form: "I", "II" or "III".
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws.
        positions: int[N], which rows of the file the samples are; by default all.

    Returns:
        The record.

    Raises:
        ValueError: For bad input, or a rate above the share of samples with a margin below 1.

    Example:
        >>> from noisylab.corruption import margin
        >>> margin([0, 1], 0.5, [[0.5, 0.4, 0.1], [0.0, 1.0, 0.0]], sampling="exact").given
        array([1, 1])
    """
    clean, classes = check_labels(labels, num_classes)
    r = float(rate)
    rows, file = read_rows(posteriors, "posteriors", positions=positions)
    eta = check_posteriors(rows, len(clean), classes if num_classes is not None else None)
    classes = eta.shape[1]
    check_labels(clean, classes)
    if classes < 2:
        raise ValueError(f"margin noise needs at least 2 classes, got {classes}")
    first, second = np.partition(eta, classes - 2, axis=1)[:, -2:].T[::-1]
    d = first - second
    tau = {"I": (1 - d**2) / 2, "II": 1 - d**3, "III": 1 - (d**3 + d**2 + d) / 3}[form]
    others = eta.copy()
    others[np.arange(len(clean)), clean] = -1
    wrong = others.argmax(axis=1)

    def level(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.divide(uniform, tau, out=np.full(len(tau), np.inf), where=tau > 0))

    noise = PerSample(_scaled(tau, r), level, lambda index: sent_to(wrong[index], classes))
    return corrupt(
        clean, noise, classes, kind="margin", nominal_rate=r, parameters={"form": form} | file, sampling=sampling, seed=seed
    )


def _scaled(tau: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """min(1, c tau) with the c that gives the mean `rate`; exact, since c is one of N + 1 linear pieces."""
    ordered = np.sort(tau)[::-1]
    if rate > (tau > 0).mean():
        raise ValueError(f"rate must be at most {(tau > 0).mean():.4g}, the share of samples with a margin below 1, got {rate}")
    if rate == 0:
        return np.zeros(len(tau))
    if rate == (tau > 0).mean():
        return (tau > 0).astype(np.float64)
    # With the k largest at 1, the others share the rest: c = (N r - k) / sum of the others. The sum starts at the smallest, to
    # avoid cancellation.
    full = np.arange(len(tau))
    rest = np.cumsum(ordered[::-1])[::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        c = (rate * len(tau) - full) / rest
    k = int(np.argmax(c * ordered <= 1 + 1e-12))
    return np.asarray(np.minimum(1, c[k] * tau))
