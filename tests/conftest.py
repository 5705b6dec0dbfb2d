"""What many tests share."""

import numpy as np
import pytest
import torch
from helpers_once import Once, once_below
from hypothesis import settings
from threadpoolctl import threadpool_limits

from noisylab.data.image_data import ImageData

# Tests run side by side; where threads wait for one another, small matrices take a thousand times as long.
torch.set_num_threads(1)
threadpool_limits(1)

# A busy machine is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Fills a folder once for all processes. Not to be changed by a test."""
    return once_below(tmp_path_factory)


@pytest.fixture(scope="session")
def image_data() -> ImageData:
    """A data set of 60 + 20 random images in 4 classes."""
    rng = np.random.default_rng(2)
    return ImageData(
        train_images=rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8),
        train_labels=np.arange(60) % 4,
        train_ids=np.arange(60),
        test_images=rng.integers(0, 256, (20, 1, 8, 8), dtype=np.uint8),
        test_labels=np.arange(20) % 4,
        class_names=("a", "b", "c", "d"),
        mean=(0.5,),
        std=(0.25,),
        augment="crop(padding=1, flip=False)",
    )
