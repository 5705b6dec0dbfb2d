"""Block noise: uniform among the classes of one group."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_maps import CIFAR100_SUPERCLASS
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.class_numbers import number_labels
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.matrices import regular
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_labels


@NOISES.register("block", main="rate")
@named_classes
def block(
    labels: ArrayLike,
    rate: UnitInterval,
    groups: Literal["cifar100_superclass"] | Sequence[int | str] | Mapping[int | str, int | str] = "cifar100_superclass",
    num_classes: PositiveInt | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
) -> NoisyLabels:
    """Each label becomes, with probability `rate`, another class of its group, drawn uniformly.

    T_ij = r/(B-1) for i != j in one group of B classes. A class alone in its group stays clean.

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        groups: The group of each class, a number or a name: a list in the order of the classes, or a dict class -> group
            whose classes are numbers or names. Or CIFAR-100's superclasses.
        num_classes: The number of classes; by default, that of the labels.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws; for one seed, noise is nested over rates.

    Returns:
        The record.

    Raises:
        ValueError: For bad labels, rate or groups.

    Example:
        >>> from noisylab.corruption import block
        >>> block([0, 1, 2, 3], 1, groups=[0, 0, 1, 1]).given
        array([1, 0, 3, 2])
    """
    r = float(rate)
    group, _ = check_labels(CIFAR100_SUPERCLASS if isinstance(groups, str) else number_labels(list(groups))[0])
    clean, classes = check_labels(labels, len(group) if num_classes is None else num_classes)
    if classes != len(group) and isinstance(groups, str):
        half = [0] * ((classes + 1) // 2) + [1] * (classes // 2)
        example = f": block(rate={r:g}, groups={half})" if classes <= 20 else ""
        raise ValueError(
            f"groups must name the group of each of the {classes} classes, got {groups!r}, which is for {len(group)} classes; "
            f"write for instance one number per class{example}"
        )
    if classes != len(group):
        raise ValueError(f"groups must name the group of each of the {classes} classes, got {len(group)} groups")
    others = np.bincount(group)[group] - 1
    transition = regular(np.where(others > 0, 1 - r, 1), share=r / np.maximum(others, 1), group=group)
    parameters = {"groups": groups if isinstance(groups, str) else group.tolist()}
    return corrupt(
        clean, transition, classes, kind="block", nominal_rate=r, parameters=parameters, sampling=sampling, seed=seed
    )
