"""Symmetric (uniform) label noise, in both of its conventions."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_true_labels


@NOISES.register("symmetric", main="rate")
@named_classes
def symmetric(
    labels: ArrayLike,
    rate: UnitInterval,
    num_classes: PositiveInt | None = None,
    *,
    include_true: bool = False,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
) -> NoisyLabels:
    """Each label is replaced with probability `rate` by one drawn uniformly.

    labels: int[N] true labels. With `include_true=False`, T_ij = r/(K-1) off the diagonal: the realised rate is r (Patrini et
    al. 2017, Co-teaching 2018). With `include_true=True` the true class may be drawn too, T = (1-r) I + r/K: the realised rate
    is r (K-1)/K (DivideMix 2020, ELR 2020). Raises ValueError for bad labels, rate, sampling or seed, and for one class only.
    """
    clean, classes = check_true_labels(labels, num_classes)
    r = float(rate)
    if classes < 2 and r > 0:
        raise ValueError(f"symmetric noise needs at least 2 classes, got num_classes = {classes}")
    off = r / classes if include_true else r / max(classes - 1, 1)
    transition = np.full((classes, classes), off)
    np.fill_diagonal(transition, 1 - off * (classes - 1))
    return corrupt(
        clean,
        transition,
        classes,
        kind="symmetric",
        nominal_rate=r,
        parameters={"include_true": bool(include_true)},
        sampling=sampling,
        seed=seed,
    )
