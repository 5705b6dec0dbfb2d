"""`ImageData` of somebody's own images, with warnings of what looks wrong in them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from noisylab.data.image_data import SAMPLED, ImageData, channel_statistics
from noisylab.data.image_files import STATE_RANGE, warn_of_flat
from noisylab.data.repeated_images import warn_of_repeated
from noisylab.data.streaming import Images, StreamedImages


def own_data(
    images: Sequence[Images],
    labels: Sequence[NDArray[np.int64]],
    class_names: tuple[str, ...],
    *,
    source: str,
    way_out: str = STATE_RANGE,
    train_names: NDArray[np.str_] | None = None,
) -> ImageData:
    """The data of the images uint8[N, C, H, W] and the labels int64[N] for training and for testing.

    Warns of images with hardly any contrast, of test images that are trained on, and of images with several labels. source: the
    data set, for these warnings; SAMPLED images stand for streamed ones. way_out: what to do about images in another range.
    """
    train, test = images
    sample = train[:: -(-len(train) // SAMPLED)] if isinstance(train, StreamedImages) else train
    warn_of_flat(sample, source, way_out)
    warn_of_repeated(images, labels, source)
    mean, std = channel_statistics(sample)
    return ImageData(
        train_images=train,
        train_labels=labels[0],
        train_ids=np.arange(len(labels[0])),
        test_images=test,
        test_labels=labels[1],
        class_names=class_names,
        mean=mean,
        std=std,
        # Mirroring might change the class.
        augment=f"crop(padding={max(train.shape[2] // 8, 1)}, flip=False)",
        train_names=train_names,
    )
