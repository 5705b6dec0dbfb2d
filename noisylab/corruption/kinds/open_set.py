"""Open-set noise: images that belong to none of the classes, under unchanged labels."""

from os import PathLike
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, PathText, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import Sampling, draw, flip_order
from noisylab.corruption.matrices import as_fields, regular
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_integer, check_true_labels, read_rows

Pixel = TypeVar("Pixel", bound=np.generic)


@NOISES.register("open_set", main="rate")
@named_classes
def open_set(
    labels: ArrayLike,
    rate: UnitInterval,
    outside: ArrayLike | PathText | PathLike[str],
    num_classes: PositiveInt | None = None,
    *,
    open_share: UnitInterval = 1.0,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
) -> NoisyLabels:
    """A share of the images is replaced from another data set and keeps its label; the other flips are symmetric (EDM 2020).

    With probability r * open_share an image is replaced, with r (1 - open_share) its label flips. `replaced_by` of the record
    says by which image (none twice while others are left); `replace_images` replaces them. Both parts are nested over rates.

    Args:
        labels: int[N] true labels, or names.
        rate: r in [0, 1].
        outside: The other images number[M, ...], the path of a `.npy` that holds them, or their number M. For a named data set
            of images [C, H, W] the file holds uint8[M, C, H, W], [M, H, W, C] or, if C is 1, [M, H, W].
        num_classes: The number of classes; by default, that of the labels.
        open_share: The share of the noise that replaces images.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws; for one seed, noise is nested over rates.

    Returns:
        The record.

    Raises:
        ValueError: For bad input.

    Example:
        >>> from noisylab.corruption import open_set
        >>> noisy = open_set([0, 1, 2, 3] * 25, 0.4, outside=60, open_share=0.5)
        >>> int((noisy.replaced_by >= 0).sum()), int((noisy.given != noisy.true).sum())
        (20, 20)
    """
    clean, classes = check_true_labels(labels, num_classes)
    r, share = float(rate), float(open_share)
    if classes < 2 and share < 1:
        raise ValueError(f"open-set noise with flips needs at least 2 classes, got num_classes = {classes}")
    if isinstance(outside, int | np.integer):
        count, file = check_integer("outside", outside, minimum=1), dict[str, str]()
    else:
        images, file = read_rows(outside, "outside")
        count = len(np.atleast_1d(images))
        check_integer("the number of outside images", count, minimum=1)
    closed = r * (1 - share)
    # A replaced image counts as one more class that a label can become.
    every, off = np.arange(classes), closed / max(classes - 1, 1)
    matrix = regular(
        np.append(np.full(classes, 1 - r), 1.0),
        share=np.append(np.full(classes, off), 0.0),
        group=np.append(np.zeros(classes, dtype=np.int64), 1),
        sent=(every, np.full(classes, classes), r * share),
    )
    drawn = draw(clean, matrix, classes + 1, sampling=sampling, seed=seed)
    replaced = drawn == classes
    # Dealt in the order in which samples flip, so that a sample gets the same image at every rate.
    dealt = flip_order(clean, classes, sampling=sampling, seed=seed)
    dealt = dealt[replaced[dealt]]
    image = np.random.default_rng(derive_seed(seed, "noise/outside")).permutation(count)
    replaced_by = np.full(len(clean), -1)
    replaced_by[dealt] = image[np.arange(len(dealt)) % count]
    parameters = {"open_share": share, "sampling": sampling, "outside": count} | file
    return NoisyLabels(
        given=np.where(replaced, clean, drawn),
        true=clean,
        num_classes=classes,
        kind="open_set",
        nominal_rate=r,
        seed=int(seed),
        **as_fields(regular(np.full(classes, 1 - closed), share=off)),
        parameters=parameters,
        replaced_by=replaced_by,
        flip_probability=np.full(len(clean), r),
    )


def replace_images(images: NDArray[Pixel], noisy: NoisyLabels, outside: NDArray[np.generic]) -> NDArray[Pixel]:
    """A copy of `images` in which open-set samples have their images from `outside`.

    Args:
        images: [N, ...].
        noisy: An open-set record of those N images.
        outside: [M, ...], of the same type and shape.

    Returns:
        [N, ...].

    Raises:
        ValueError: If the shapes or types differ, or `outside` has too few images.

    Example:
        >>> import numpy as np
        >>> from noisylab.corruption import open_set, replace_images
        >>> noisy = open_set([0, 1], 1, outside=2)
        >>> replace_images(np.zeros((2, 1)), noisy, np.ones((2, 1))).ravel()
        array([1., 1.])
    """
    if not isinstance(noisy, NoisyLabels):
        raise TypeError(f"replace_images takes images, noisy, outside in this order, got a {type(noisy).__name__} as noisy")
    images, outside = np.asarray(images), np.asarray(outside)
    if noisy.replaced_by is None:
        raise ValueError(f"noise must be open-set, got {noisy.kind}")
    if images.shape[1:] != outside.shape[1:] or images.dtype != outside.dtype:
        raise ValueError(
            f"outside images must be {images.dtype} of shape {images.shape[1:]}, got {outside.dtype} of {outside.shape[1:]}"
        )
    if len(images) != len(noisy) or noisy.replaced_by.max() >= len(outside):
        raise ValueError(f"the noise is for {len(noisy)} images, got {len(images)} and {len(outside)} outside images")
    result, chosen = images.copy(), noisy.replaced_by >= 0
    result[chosen] = outside[noisy.replaced_by[chosen]]
    return result
