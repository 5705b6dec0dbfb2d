"""What many tests share: a small problem that trains in a fraction of a second."""

import numpy as np
import pytest
import torch

from noisylab.corruption import NoisyLabels, symmetric
from noisylab.data.augment import Crop
from noisylab.data.base import ImageData
from noisylab.methods.base import Method, Setting
from noisylab.models.small_cnn import small_cnn
from noisylab.registries import METHODS
from noisylab.training import TrainingSet

torch.set_num_threads(1)

CLASSES, SAMPLES = 4, 50


@pytest.fixture(scope="session")
def noisy() -> NoisyLabels:
    """Labels of 50 samples in 4 classes, 40 % of them wrong."""
    return symmetric(np.random.default_rng(1).integers(0, CLASSES, SAMPLES), 0.4, CLASSES)


@pytest.fixture(scope="session")
def training_set(noisy: NoisyLabels) -> TrainingSet:
    """Random images with the given labels of `noisy`."""
    images = np.random.default_rng(0).integers(0, 256, (SAMPLES, 1, 8, 8), dtype=np.uint8)
    return TrainingSet(images, noisy.labels, (0.5,), (0.25,), Crop(padding=1, flip=True))


def make_method(name: str, epochs: int = 3, seed: int = 0) -> Method:
    """A method over a small network, initialised from a seed."""

    def make_network() -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return small_cnn(CLASSES, 1, width=2)

    method: Method = METHODS.create(METHODS.parse(name), Setting(make_network, CLASSES, SAMPLES, epochs))
    return method


def weights(method: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of everything a method is."""
    return {name: value.clone() for name, value in method.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two states are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture(scope="session")
def image_data() -> ImageData:
    """A data set of 60 + 20 random images in 4 classes."""
    rng = np.random.default_rng(2)
    return ImageData(
        train_images=rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8),
        train_labels=np.arange(60) % CLASSES,
        train_ids=np.arange(60),
        test_images=rng.integers(0, 256, (20, 1, 8, 8), dtype=np.uint8),
        test_labels=np.arange(20) % CLASSES,
        class_names=("a", "b", "c", "d"),
        mean=(0.5,),
        std=(0.25,),
        augment="crop(padding=1, flip=False)",
    )
