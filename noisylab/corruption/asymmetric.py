"""Asymmetric (class-dependent) label noise: each class is mistaken for one similar class."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.checks import Count, Fraction
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_integer, check_labels, check_rate, check_true_labels
from noisylab.registries import NOISE

# The superclass of each CIFAR-100 fine class, both in alphabetical order (Krizhevsky 2009).
# fmt: off
CIFAR100_SUPERCLASS = np.array([
     4,  1, 14,  8,  0,  6,  7,  7, 18,  3,  3, 14,  9, 18,  7, 11,  3,  9,  7, 11,  6, 11,  5, 10,  7,
     6, 13, 15,  3, 15,  0, 11,  1, 10, 12, 14, 16,  9, 11,  5,  5, 19,  8,  8, 15, 13, 14, 17, 18, 10,
    16,  4, 17,  4,  2,  0, 17,  4, 18, 17, 10,  3,  2, 12, 12, 16, 12,  1,  9, 19,  2, 10,  0,  1, 16,
    12,  9, 13, 15, 13, 16, 19,  2,  4,  6, 19,  5,  5,  8, 19, 18,  1,  2, 15,  6,  0, 17,  8, 14, 13,
])
# fmt: on


def _next_in_group(group: NDArray[np.int64]) -> dict[int, int]:
    """Each class to the next class of its group, in ascending order, the last one to the first."""
    members = [np.flatnonzero(group == g).tolist() for g in range(group.max() + 1)]
    return {true: given for m in members for true, given in zip(m, m[1:] + m[:1], strict=True)}


_DIGITS = {7: 1, 2: 7, 5: 6, 6: 5, 3: 8}

# name -> (number of classes, true -> given)
MAPPINGS: dict[str, tuple[int, dict[int, int]]] = {
    # truck -> automobile, bird -> airplane, cat <-> dog, deer -> horse (Patrini et al. 2017)
    "cifar10": (10, {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}),
    # 7 -> 1, 2 -> 7, 5 <-> 6, 3 -> 8 (Patrini et al. 2017)
    "mnist": (10, _DIGITS),
    # the same ten digits in scikit-learn's smaller images
    "digits": (10, _DIGITS),
    # What the code of WAR runs (Damodaran et al., github.com/bbdamodaran/WAR, simulate_noisylabel.py): ankle boot -> trouser,
    # sandal -> sneaker, pullover -> shirt, coat <-> shirt, dress -> T-shirt. Its comments say 9 -> 7 (sneaker) and 6 -> 2.
    # There is no consensus on FashionMNIST, hence the source in the name.
    "fashion_mnist_war": (10, {9: 1, 5: 7, 2: 6, 4: 6, 6: 4, 3: 0}),
    # what the papers describe: the next fine class inside the true superclass
    "cifar100_superclass": (100, _next_in_group(CIFAR100_SUPERCLASS)),
    # what the code of Patrini, ELR, JoCoR, PLC and APL runs: blocks of five in alphabetical order; 6 of its 100 flips
    # stay inside the true superclass
    "cifar100_contiguous5": (100, _next_in_group(np.arange(100) // 5)),
}


@NOISE.register("asymmetric", main="rate")
def asymmetric(
    labels: ArrayLike,
    rate: Fraction,
    mapping: Literal["cifar10", "mnist", "digits", "fashion_mnist_war", "cifar100_superclass", "cifar100_contiguous5"]
    | Mapping[int, int],
    num_classes: Count | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: int = 0,
) -> NoisyLabels:
    """Each class of `mapping` becomes its image with probability `rate`; the other classes stay clean.

    labels: int[N] true labels; mapping: "cifar10", "mnist", "digits", "fashion_mnist_war", "cifar100_superclass",
    "cifar100_contiguous5" or a dict true -> given. The overall rate is below `rate` where classes stay clean: r/2 on CIFAR-10
    (Patrini et al. 2017). FashionMNIST has no agreed map: "fashion_mnist_war" is what the code of WAR (Damodaran et al.) runs.
    Flips are drawn from the true labels all at once, never in place, so no flipped label flips again. Raises ValueError for
    bad labels, rate, sampling or seed, and for a mapping that is unknown or does not fit the classes.
    """
    r = check_rate(rate)
    if isinstance(mapping, str):
        if mapping not in MAPPINGS:
            raise ValueError(f"mapping must be one of {', '.join(map(repr, MAPPINGS))} or a dict, got {mapping!r}")
        size, pairs = MAPPINGS[mapping]
        if num_classes is not None and num_classes != size:
            raise ValueError(f"mapping {mapping!r} is for {size} classes, got num_classes = {num_classes!r}")
        clean, classes = check_labels(labels, size)
        if num_classes is None and clean.max() < size - 1:
            raise ValueError(
                f"mapping {mapping!r} is for {size} classes, and labels go up to {clean.max()}: pass num_classes={size} where "
                "the others are only missing, or a dict true -> given"
            )
    else:
        if not isinstance(mapping, Mapping) or not mapping:
            raise ValueError(f"mapping must be a name or a dict true -> given with at least one pair, got {mapping!r}")
        pairs = {check_integer("mapping key", t): check_integer("mapping value", g) for t, g in mapping.items()}
        largest = max([*pairs, *pairs.values()])
        clean, classes = check_true_labels(labels, num_classes)
        if num_classes is None:
            classes = max(classes, largest + 1)
        elif largest >= classes:
            raise ValueError(f"mapping must use classes below num_classes = {classes}, got class {largest}")
        fixed = [true for true, given in pairs.items() if true == given]
        if fixed:
            raise ValueError(f"mapping must send each class to another one, got {fixed[0]} -> {fixed[0]}")
    transition = np.eye(classes)
    for true, given in pairs.items():
        transition[true, true], transition[true, given] = 1 - r, r
    return corrupt(
        clean,
        transition,
        classes,
        kind="asymmetric",
        nominal_rate=r,
        parameters={"mapping": mapping if isinstance(mapping, str) else {str(t): g for t, g in pairs.items()}},
        sampling=sampling,
        seed=seed,
    )
