"""A small training task that the tests of methods and of the loop share."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from noisylab.core.distributed import processes
from noisylab.core.registries import METHODS
from noisylab.data import TrainingSet
from noisylab.data.augmentations.crop import Crop
from noisylab.methods import Method, RunInfo
from noisylab.models import Backbone
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary
from noisylab.training.evaluate import Evaluator

SAMPLES, CLASSES = 46, 4
CONFIG = TrainConfig(epochs=3, batch_size=16, learning_rate=0.05, device="cpu", milestones=(0.5,))


def network() -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(5)
        stages = [
            nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.1)),
        ]
        return Backbone(nn.Identity(), stages, [4, 6], CLASSES)


class Finished:
    """A provider that trains teachers in the loop at hand."""

    def __init__(self, data: TrainingSet) -> None:
        self.data = data
        self.asked: list[tuple[str, str | None]] = []

    def trained(self, method: str, *, model: str | None = None) -> Method:
        self.asked.append((method, model))
        teacher = make_method(method, data=self.data)
        train(teacher, self.data, dataclasses.replace(CONFIG, processes=processes()), seed=len(self.asked))
        teacher.zero_grad()
        return teacher

    def logits(self, method: Method) -> Tensor:
        return Evaluator(self.data.images, self.data.mean, self.data.std).logits(method)


def make_method(
    name: str,
    epochs: int = CONFIG.epochs,
    data: TrainingSet | None = None,
    make_network: Callable[[], Backbone] = network,
) -> Method:
    """A method with its teachers, ready to be trained on `data`."""
    info = RunInfo(make_network, CLASSES, SAMPLES, epochs, noise_rate=0.4, transition=0.6 * torch.eye(CLASSES) + 0.1)
    # As a run does: what a method makes besides its networks depends on no state of the process.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(6)
        method: Method = METHODS.create(METHODS.parse(name), info)
    method.prepare(Finished(training_set() if data is None else data))
    return method


def true_labels() -> np.ndarray:
    return np.arange(SAMPLES) % CLASSES


def training_set(given: np.ndarray | None = None, flip: bool = True) -> TrainingSet:
    images = np.random.default_rng(0).integers(0, 256, (SAMPLES, 1, 8, 8), dtype=np.uint8)
    return TrainingSet(images, true_labels() if given is None else given, (0.5,), (0.25,), Crop(padding=1, flip=flip))


def same_state(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


class Cut(Callback):
    """Ends the process's training after an epoch, as a kill would."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        if summary.epoch == self.epoch:
            raise KeyboardInterrupt
