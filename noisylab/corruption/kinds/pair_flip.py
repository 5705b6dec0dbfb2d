"""Pair flip: every class is mistaken for the next one."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.matrices import regular
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_true_labels


@NOISES.register("pair_flip", main="rate")
@named_classes
def pair_flip(
    labels: ArrayLike,
    rate: UnitInterval,
    num_classes: PositiveInt | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
) -> NoisyLabels:
    """Class i becomes i + 1 (mod K) with probability `rate`; .45 is the usual hard case (Han et al. 2018, Co-teaching).

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        num_classes: The number of classes; by default, that of the labels.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws; for one seed, noise is nested over rates.

    Returns:
        The record.

    Raises:
        ValueError: For bad arguments, or a single class.

    Example:
        >>> from noisylab.corruption import pair_flip
        >>> pair_flip([0, 1, 2], 1).given
        array([1, 2, 0])
    """
    clean, classes = check_true_labels(labels, num_classes)
    r = float(rate)
    if classes < 2 and r > 0:
        raise ValueError(f"pair flip needs at least 2 classes, got num_classes = {classes}")
    every = np.arange(classes)
    transition = regular(np.full(classes, 1 - r), sent=(every, (every + 1) % classes, r))
    return corrupt(clean, transition, classes, kind="pair_flip", nominal_rate=r, parameters={}, sampling=sampling, seed=seed)
