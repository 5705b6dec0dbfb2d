"""What clean and mislabelled samples are predicted as (the fractions of ELR, Liu et al. 2020)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Fractions(NamedTuple):
    """Shares in [0, 1]; NaN if there is no such sample.

    Attributes:
        clean_correct: Of correctly labelled samples, those predicted as their label.
        correct: Of mislabelled samples, those predicted as their true label.
        memorised: Of mislabelled samples, those predicted as their wrong given label.
        other: Of mislabelled samples, those predicted as neither.
    """

    clean_correct: float
    correct: float
    memorised: float
    other: float


def memorisation(prediction: ArrayLike, given: ArrayLike, true: ArrayLike) -> Fractions:
    """What clean and mislabelled samples are predicted as.

    Args:
        prediction: int[N], predicted classes.
        given: int[N], given labels.
        true: int[N], true labels.

    Returns:
        The four shares.

    Raises:
        ValueError: If the three differ in shape.

    Example:
        >>> from noisylab.analysis import memorisation
        >>> memorisation(prediction=[0, 1, 1, 2], given=[0, 1, 1, 1], true=[0, 1, 2, 2])
        Fractions(clean_correct=1.0, correct=0.5, memorised=0.5, other=0.0)

    Source:
        Liu et al. (2020), Early-learning regularization prevents memorization of noisy labels.
    """
    p, g, t = np.asarray(prediction), np.asarray(given), np.asarray(true)
    if not p.shape == g.shape == t.shape:
        raise ValueError(f"prediction, given and true must be equally long, got {p.shape}, {g.shape} and {t.shape}")
    mislabelled = g != t

    def share(event: np.ndarray, among: np.ndarray) -> float:
        return float(event[among].mean()) if among.any() else float("nan")

    return Fractions(
        clean_correct=share(p == t, ~mislabelled),
        correct=share(p == t, mislabelled),
        memorised=share(p == g, mislabelled),
        other=share((p != t) & (p != g), mislabelled),
    )
