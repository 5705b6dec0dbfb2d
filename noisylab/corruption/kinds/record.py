"""Noise that `NoisyLabels.save` wrote."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PathText, PositiveInt
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_true_labels


@NOISES.register("record", main="path")
@named_classes
def saved_record(
    labels: ArrayLike,
    path: PathText,
    num_classes: PositiveInt | None = None,
    *,
    positions: ArrayLike | None = None,
) -> NoisyLabels:
    """A record that `NoisyLabels.save` wrote, of the same samples: record:noise.npz.

    T is the matrix of the record.

    Args:
        labels: int[N] true labels.
        path: The file.
        num_classes: The number of classes; by default, that of the labels.
        positions: int[N], which samples of the record these are; by default all, in its order.

    Returns:
        The record.

    Raises:
        ValueError: If the file is not a record, or a record of other labels.

    Example:
        >>> from noisylab.corruption import saved_record, symmetric
        >>> symmetric([0, 1, 2, 3] * 25, 0.4).save("noise.npz")
        >>> saved_record([0, 1, 2, 3] * 25, "noise.npz").rate
        0.4
    """
    true, classes = check_true_labels(labels, num_classes)
    try:
        noisy = NoisyLabels.load(path)
    except OSError as error:
        raise ValueError(f"record {path!r} cannot be read: {error.strerror}") from None
    held = len(noisy)
    chosen = np.arange(len(true)) if positions is None else np.asarray(positions)
    if noisy.positions is None and len(chosen) == len(true) and chosen.max(initial=-1) < len(noisy):
        noisy = _select(noisy, chosen)
    if len(noisy) != len(true) or not np.array_equal(noisy.true, true):
        raise ValueError(
            f"record {path!r} has {held} samples, and other true labels than these {len(true)}; make it from the labels of the "
            "data set's training samples, in their order"
        )
    if noisy.num_classes != classes:
        raise ValueError(f"record {path!r} has {noisy.num_classes} classes, and the labels have {classes}")
    return noisy


def _select(noisy: NoisyLabels, chosen: NDArray[np.int64]) -> NoisyLabels:
    """The record of some of its samples."""
    return replace(
        noisy,
        given=noisy.given[chosen],
        true=noisy.true[chosen],
        replaced_by=None if noisy.replaced_by is None else noisy.replaced_by[chosen],
        flip_probability=None if noisy.flip_probability is None else noisy.flip_probability[chosen],
    )
