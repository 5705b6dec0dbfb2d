"""Asymmetric (class-dependent) label noise: each class is mistaken for one similar class."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_maps import MAPPINGS, named_map
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.matrices import regular
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_integer, check_labels, check_true_labels


@NOISES.register("asymmetric", main="rate")
@named_classes
def asymmetric(
    labels: ArrayLike,
    rate: UnitInterval,
    mapping: Literal["cifar10", "mnist", "digits", "fashion_mnist_war", "cifar100_superclass", "cifar100_contiguous5"]
    | Mapping[int, int]
    | Mapping[str, str],
    num_classes: PositiveInt | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
    class_names: tuple[str, ...] | None = None,
) -> NoisyLabels:
    """Each class of `mapping` becomes its image with probability `rate`; the other classes stay clean.

    T_i,m(i) = r for a map m. If some classes stay clean, the overall rate is below `rate`: r/2 on CIFAR-10 (Patrini et al.
    2017). All flips are drawn from the true labels at once, so no flipped label flips again.

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        mapping: A dict true -> given of numbers or names, or one of "cifar10", "mnist", "digits", "fashion_mnist_war" (from the
            code of WAR, Damodaran et al.; there is no agreed map), "cifar100_superclass", "cifar100_contiguous5".
        num_classes: The number of classes; by default, that of the labels.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws; for one seed, noise is nested over rates.
        class_names: In the order of the classes. A named map follows its own classes into another order.

    Returns:
        The record.

    Raises:
        ValueError: For bad arguments, and for a mapping that does not fit the classes.

    Example:
        >>> from noisylab.corruption import asymmetric
        >>> noisy = asymmetric(["cat", "dog", "deer"] * 20, 0.5, {"cat": "dog", "dog": "cat"})
        >>> round(noisy.rate, 3)
        0.333
    """
    r = float(rate)
    if isinstance(mapping, str):
        size, pairs = MAPPINGS[mapping][0], named_map(mapping, class_names)
        clean, classes = check_labels(labels, num_classes)
        if classes != size:
            got = f"num_classes = {num_classes}" if num_classes is not None else f"labels of {classes} classes"
            some = f"; pass num_classes={size} if they are some of those" if num_classes is None and classes < size else ""
            raise ValueError(f"mapping {mapping!r} is for {size} classes, got {got}{some}")
        check_true_labels(clean, num_classes)
    else:
        if not mapping:
            raise ValueError(f"mapping must be a name or a dict true -> given with at least one pair, got {mapping!r}")
        pairs = {check_integer("mapping key", t): check_integer("mapping value", g) for t, g in mapping.items()}
        largest = max([*pairs, *pairs.values()])
        named = {*pairs, *pairs.values()}
        held = check_labels(labels, num_classes)[1]
        if num_classes is None and not named.issuperset(range(held, largest)):
            raise ValueError(
                f"mapping names class {largest}, but the labels are in classes 0 to {held - 1}; pass num_classes={largest + 1} "
                "if there are such classes"
            )
        clean, classes = check_true_labels(labels, num_classes, *named)
        if largest >= classes:
            raise ValueError(f"mapping must use classes below num_classes = {classes}, got class {largest}")
    stays = np.ones(classes)
    stays[list(pairs)] = 1 - r
    return corrupt(
        clean,
        regular(stays, sent=(list(pairs), list(pairs.values()), r)),
        classes,
        kind="asymmetric",
        nominal_rate=r,
        parameters={"mapping": mapping if isinstance(mapping, str) else {str(t): g for t, g in pairs.items()}},
        sampling=sampling,
        seed=seed,
    )
