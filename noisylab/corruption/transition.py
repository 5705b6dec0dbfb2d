"""Class-conditional noise from any transition matrix."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.checks import Count
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_labels, check_transition
from noisylab.registries import NOISE


@NOISE.register("from_transition")
def from_transition(
    labels: ArrayLike,
    matrix: ArrayLike,
    num_classes: Count | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: int = 0,
) -> NoisyLabels:
    """Given labels drawn from P(given = j | true = i) = matrix[i, j] (Natarajan et al. 2013).

    labels: int[N] true labels; matrix: float[C, C], rows sum to 1 (row = true class, column = given class). The nominal rate is
    what the matrix implies for these labels. Nested over matrices whose rows differ in their diagonal alone. Raises ValueError
    for bad labels, and for a matrix that is not square, not row-stochastic, or stochastic along its columns only.
    """
    transition = check_transition(matrix)
    if num_classes is not None and num_classes != len(transition):
        raise ValueError(f"matrix must be {num_classes} x {num_classes} (num_classes), got shape {transition.shape}")
    clean, classes = check_labels(labels, len(transition))
    expected = float((1 - np.diagonal(transition)) @ np.bincount(clean, minlength=classes) / len(clean))
    return corrupt(
        clean, transition, classes, kind="from_transition", nominal_rate=expected, parameters={}, sampling=sampling, seed=seed
    )
