"""Symmetric (uniform) label noise, in both of its conventions."""

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.matrices import regular
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

    With `include_true=False`, T_ij = r/(K-1) off the diagonal: the realised rate is r (Patrini et al. 2017, Co-teaching 2018).
    With `include_true=True` the true class may be drawn too, T = (1-r) I + r/K: the realised rate is r (K-1)/K (DivideMix 2020,
    ELR 2020).

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        num_classes: The number of classes; by default, that of the labels.
        include_true: Whether the true class may be drawn.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws; for one seed, noise is nested over rates.

    Returns:
        The record.

    Raises:
        ValueError: For bad arguments, or a single class.

    Example:
        >>> from noisylab.corruption import symmetric
        >>> noisy = symmetric([0, 1, 2, 3] * 25, 0.4, seed=1)
        >>> noisy.rate, int(noisy.mislabelled.sum())
        (0.4, 40)
    """
    clean, classes = check_true_labels(labels, num_classes)
    r = float(rate)
    if classes < 2 and r > 0:
        raise ValueError(f"symmetric noise needs at least 2 classes, got num_classes = {classes}")
    off = r / classes if include_true else r / max(classes - 1, 1)
    return corrupt(
        clean,
        regular(np.full(classes, 1 - off * (classes - 1)), share=off),
        classes,
        kind="symmetric",
        nominal_rate=r,
        parameters={"include_true": bool(include_true)},
        sampling=sampling,
        seed=seed,
    )
