"""A small training task that the tests of methods and of the loop share."""

import numpy as np
import torch
from torch import nn

from noisylab.data.augment import Crop
from noisylab.methods import Method, Setting
from noisylab.registries import METHODS
from noisylab.training import TrainConfig, TrainingSet

SAMPLES, CLASSES = 46, 4
CONFIG = TrainConfig(epochs=3, batch_size=16, learning_rate=0.05, device="cpu", milestones=(0.5,))


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(5)
        return nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, CLASSES),
        )


def make_method(name: str, epochs: int = CONFIG.epochs) -> Method:
    setting = Setting(network, CLASSES, SAMPLES, epochs)
    method: Method = METHODS.create(METHODS.parse(name), setting)
    return method


def true_labels() -> np.ndarray:
    return np.arange(SAMPLES) % CLASSES


def training_set(given: np.ndarray | None = None, flip: bool = True) -> TrainingSet:
    images = np.random.default_rng(0).integers(0, 256, (SAMPLES, 1, 8, 8), dtype=np.uint8)
    return TrainingSet(images, true_labels() if given is None else given, (0.5,), (0.25,), Crop(padding=1, flip=flip))


def same_state(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())
