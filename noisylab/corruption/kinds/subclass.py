"""Subclass-dominant noise (Bai et al. 2023): one fine class of every class is mislabelled as a whole."""

from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, PathText, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.class_numbers import number_labels
from noisylab.corruption.drawing import PerSample, Sampling, sent_to
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_labels, check_true_labels, read_rows


@NOISES.register("subclass", main="rate")
@named_classes
def subclass(
    labels: ArrayLike,
    rate: UnitInterval,
    fine: ArrayLike | PathText | PathLike[str] | None = None,
    num_classes: PositiveInt | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
    positions: ArrayLike | None = None,
    fine_labels: ArrayLike | None = None,
) -> NoisyLabels:
    """The lowest fine class of each class becomes the next class (mod K), so often that `rate` of all labels are wrong.

    T_i,i+1 = r, T_ii = 1 - r; with five equally large fine classes the flip probability of the lowest is 5r (Bai et al. 2023).

    Args:
        labels: int[N] classes, or names (CIFAR-100: its 20 superclasses).
        rate: r in [0, 1].
        fine: int[N] the fine class of each sample, or names, or the path of a `.npy` that holds them; by default `fine_labels`.
        num_classes: The number of classes; by default, that of the labels.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws; for one seed, noise is nested over rates.
        positions: int[N], which rows of the file the samples are; by default all.
        fine_labels: int[N], as supplied by the data set cifar100:coarse.

    Returns:
        The record.

    Raises:
        ValueError: For bad input, or a rate above the share of samples in those fine classes.

    Example:
        >>> import numpy as np
        >>> from noisylab.corruption import subclass
        >>> fine = np.arange(1000) % 10
        >>> subclass(fine // 5, 0.1, fine).rate
        0.1
    """
    clean, classes = check_true_labels(labels, num_classes)
    r = float(rate)
    if classes < 2:
        raise ValueError(f"subclass noise needs at least 2 classes, got num_classes = {classes}")
    rows, file = (fine_labels, {}) if fine is None else read_rows(fine, "fine", positions=positions)
    if rows is None:
        raise ValueError(
            "subclass noise needs the fine class of each sample: fine='FILE.npy' (in Python: fine=int[N]), or the data set "
            "cifar100:coarse"
        )
    detail, _ = check_labels(number_labels(rows)[0])
    if len(detail) != len(clean):
        raise ValueError(f"fine must have one fine class per label, got {len(detail)} for {len(clean)} labels")
    lowest = np.full(classes, np.iinfo(np.int64).max)
    np.minimum.at(lowest, clean, detail)
    dominant = detail == lowest[clean]
    # The same share of every class becomes wrong, whatever the sizes of the fine classes.
    share = np.bincount(clean[dominant], minlength=classes) / np.maximum(np.bincount(clean, minlength=classes), 1)
    flip = np.where(dominant, r / share[clean], 0.0)
    if flip.max() > 1 + 1e-12:
        limit = share[clean].min()
        raise ValueError(f"rate must be at most {limit:.4g}, the share of a class in its lowest fine class, got {r}")

    def level(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(dominant, uniform * share[clean], np.inf)

    noise = PerSample(np.minimum(flip, 1), level, lambda index: sent_to((clean[index] + 1) % classes, classes))
    return corrupt(clean, noise, classes, kind="subclass", nominal_rate=r, parameters=file, sampling=sampling, seed=seed)
