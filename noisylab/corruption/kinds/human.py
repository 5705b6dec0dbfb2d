"""Labels that people gave: CIFAR-10N and CIFAR-100N (Wei et al. 2022)."""

from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.pt_file import read_arrays
from noisylab.corruption.record import NoisyLabels, from_pair
from noisylab.corruption.validation import check_labels, check_positions

FILES = {
    "CIFAR-10_human.pt": "96644db5574813cae939af5f7f2a0aec",
    "CIFAR-100_human.pt": "a67b45c1d7992051865b5c755bd68bb1",
}

SITE = "github.com/UCSC-REAL/cifar-10-100n"

# variant -> file, key of the given labels, key of the true ones, classes, and the rate of Wei et al. 2022
VARIANTS: dict[str, tuple[str, str, str, int, float]] = {
    "cifar10n_aggre": ("CIFAR-10_human.pt", "aggre_label", "clean_label", 10, 0.0901),
    "cifar10n_random1": ("CIFAR-10_human.pt", "random_label1", "clean_label", 10, 0.1723),
    "cifar10n_random2": ("CIFAR-10_human.pt", "random_label2", "clean_label", 10, 0.1812),
    "cifar10n_random3": ("CIFAR-10_human.pt", "random_label3", "clean_label", 10, 0.1764),
    "cifar10n_worse": ("CIFAR-10_human.pt", "worse_label", "clean_label", 10, 0.4021),
    "cifar100n_fine": ("CIFAR-100_human.pt", "noisy_label", "clean_label", 100, 0.4020),
    "cifar100n_coarse": ("CIFAR-100_human.pt", "noisy_coarse_label", "clean_coarse_label", 20, 0.2640),
}


@NOISES.register("human", main="variant")
@named_classes
def human(
    variant: Literal[
        "cifar10n_aggre",
        "cifar10n_random1",
        "cifar10n_random2",
        "cifar10n_random3",
        "cifar10n_worse",
        "cifar100n_fine",
        "cifar100n_coarse",
    ],
    labels: ArrayLike | None = None,
    *,
    root: str | PathLike[str] | None = None,
    positions: ArrayLike | None = None,
) -> NoisyLabels:
    """The labels that annotators gave to CIFAR's training images: CIFAR-10N, CIFAR-100N (Wei et al. 2022).

    The record states the published rate. If it covers all images, the realised rate must round to it.

    Args:
        variant: The name of the labels.
        labels: int[N] true labels in torchvision's order, which are compared with the file's own.
        root: The folder of CIFAR-10_human.pt or CIFAR-100_human.pt (by default data). They are CC BY-NC 4.0 and not part of
            this package: github.com/UCSC-REAL/cifar-10-100n.
        positions: int[N], which of the 50,000 training images these are; by default all.

    Returns:
        The record.

    Raises:
        ValueError: If the file is missing, damaged or a different one, or has other true labels.

    Example:
        >>> from noisylab.corruption import human
        >>> human("cifar10n_worse", root="nowhere")
        Traceback (most recent call last):
        ValueError: cifar10n_worse needs CIFAR-10_human.pt, ...
    """
    name, given_key, true_key, classes, published = VARIANTS[variant]
    path = Path("data" if root is None else root) / name
    if root is not None and Path(root).is_file():
        raise ValueError(f"root must be the folder of {name}, not a file; write {str(Path(root).parent)!r} for {str(root)!r}")
    if not path.is_file():
        raise ValueError(
            f"{variant} needs {name}, and there is no file {str(path)!r}: get it from {SITE}, and name its folder with "
            "--data-root (in Python: root=)"
        )
    arrays = read_arrays(path, FILES[name])
    true, given = arrays[true_key], arrays[given_key]
    if positions is not None:
        place = check_positions(positions, len(true))
        true, given = true[place], given[place]
    if labels is not None:
        expected, _ = check_labels(labels)
        if len(expected) != len(true):
            raise ValueError(f"labels must be the {len(true)} training labels of {variant}, got {len(expected)}")
        other = np.flatnonzero(expected != true)
        if len(other):
            raise ValueError(
                f"labels must be the true labels that {variant} was made from, in torchvision's order; at position {other[0]} "
                f"got {expected[other[0]]}, expected {true[other[0]]}; is it that data set?"
            )
    noisy = from_pair(true, given, classes, kind="human", variant=variant, published_rate=published)
    # The published rates have four decimals.
    if len(true) == len(arrays[true_key]) and abs(noisy.rate - published) > 0.5e-4 + 1e-9:
        raise ValueError(f"{variant} must have the published rate {published:.4f}, got {noisy.rate:.4f} from {str(path)!r}")
    return noisy
