"""scikit-learn's digits: 1,797 images of 8x8 pixels, part of its package."""

from pathlib import Path

import numpy as np

from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData, channel_statistics


@DATA_SETS.register("digits")
def digits(*, root: Path | None = None) -> ImageData:  # noqa: ARG001 - every data set is offered the root
    """Handwritten digits, 8x8 grey, 1,347 for training and 450 for testing; no download."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    # Pixels are 0 to 16.
    images = np.round(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    train, test = (np.sort(part) for part in train_test_split(np.arange(len(labels)), stratify=labels, random_state=0))
    mean, std = channel_statistics(images[train])
    return ImageData(
        train_images=images[train],
        train_labels=labels[train].astype(np.int64),
        train_ids=np.arange(len(train)),
        test_images=images[test],
        test_labels=labels[test].astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        mean=mean,
        std=std,
        # A mirrored digit is another sign, and one pixel is already an eighth of the image.
        augment="crop(padding=1, flip=False)",
        asymmetric_mapping="digits",
    )
