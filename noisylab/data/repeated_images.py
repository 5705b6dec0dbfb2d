"""Equal images within a data set: test images that are trained on, and images with two labels."""

import hashlib
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from noisylab.data.streaming import Images, StreamedImages

# Published sets have a few equal images; more of them are a mistake in how the set was made.
TOLERATED_SHARE, TOLERATED_COUNT = 0.01, 10
# Instead of the digest of an image with one value.
BLANK = b""


def warn_of_repeated(images: Sequence[Images], labels: Sequence[NDArray[np.int64]], source: str) -> None:
    """Warn if many test images are training images too, or many training images occur with different labels.

    images: uint8[N, C, H, W] for training and testing; blank and streamed ones are not compared. labels: int64[N] for each.
    source: the data set, for the warning.
    """
    train, test = images
    if isinstance(train, StreamedImages) or isinstance(test, StreamedImages):
        return
    digests = [_digest(image) for image in train]
    classes: dict[bytes, set[int]] = {}
    for image, label in zip(digests, labels[0].tolist(), strict=True):
        classes.setdefault(image, set()).add(label)
    classes.pop(BLANK, None)
    shared = [position for position, image in enumerate(test) if _digest(image) in classes]
    if len(shared) > max(TOLERATED_COUNT, TOLERATED_SHARE * len(test)):
        warnings.warn(
            f"data set {source}: {len(shared)} of {len(test)} test images are training images too, such as test image "
            f"{shared[0]}: test accuracy rewards memorising their labels; take them out of one of the two",
            stacklevel=3,
        )
    contradicted = [position for position, image in enumerate(digests) if len(classes.get(image, ())) > 1]
    if len(contradicted) > max(TOLERATED_COUNT, TOLERATED_SHARE * len(train)):
        warnings.warn(
            f"data set {source}: {len(contradicted)} of {len(train)} training images occur with different labels, such as "
            f"training image {contradicted[0]}: these true labels are wrong before any noise",
            stacklevel=3,
        )


def _digest(image: NDArray[np.uint8]) -> bytes:
    if (image == image.flat[0]).all():
        return BLANK
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
