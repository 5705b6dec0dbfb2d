"""The workload of measurements: random images, and untrained networks and teachers."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from noisylab.core.registries import METHODS, MODELS
from noisylab.data.augmentations.crop import Unchanged
from noisylab.data.batches.composition import presentations_of
from noisylab.data.batches.loader import BatchLoader, TrainingSet
from noisylab.data.batches.samplers import make_sampler
from noisylab.methods.base import Method, RunInfo
from noisylab.models.base import Backbone
from noisylab.training.evaluate import Evaluator

# For methods that need a known noise rate. Costs do not depend on it.
NOISE_RATE = 0.2
STATISTICS = 0.5, 0.25


@dataclass(frozen=True)
class Workload:
    """A small training run.

    model: spec of the network. shape: channels, height and width of an image. batch_size: all entries of a batch, equal for all
    methods.
    """

    model: str
    shape: tuple[int, int, int]
    num_classes: int
    batch_size: int
    epochs: int
    steps_per_epoch: int

    def samples(self, method: str) -> int:
        """The number of training samples for `steps_per_epoch` full batches of the method (spec)."""
        spec = METHODS.parse(method)
        composition = METHODS.load(spec.name).composition_for(**spec.options)
        return self.batch_size // presentations_of(composition) * self.steps_per_epoch

    def data(self, method: str) -> TrainingSet:
        """Random images uint8[N, C, H, W], N = `samples(method)`; if N allows it, every label occurs twice."""
        samples, channels = self.samples(method), self.shape[0]
        images = np.random.default_rng(0).integers(0, 256, (samples, *self.shape), dtype=np.uint8)
        labels = np.arange(samples) % max(1, min(self.num_classes, samples // 2))
        mean, std = STATISTICS
        return TrainingSet(images, labels, (mean,) * channels, (std,) * channels, Unchanged())

    def loader(self, method: Method, data: TrainingSet, device: torch.device) -> BatchLoader:
        """The batches of `data` under the method's composition."""
        return BatchLoader(data, make_sampler(method.composition, data.given_labels, self.batch_size, seed=0), 0, device)

    def build(self, method: str, samples: int) -> Method:
        """The method (spec) for this many samples, without teachers. Raises ValueError if it cannot be built."""

        def make_network() -> Backbone:
            network: Backbone = MODELS.create(MODELS.parse(self.model), self.num_classes, self.shape[0])
            return network

        known = (1 - NOISE_RATE) * torch.eye(self.num_classes, dtype=torch.float64) + NOISE_RATE / self.num_classes
        info = RunInfo(make_network, self.num_classes, samples, self.epochs, NOISE_RATE, known)
        built: Method = METHODS.create(METHODS.parse(method), info)
        return built

    def check(self, methods: Iterable[str]) -> None:
        """Raise ValueError if a method (spec) cannot be built, or the network cannot take the images."""
        with torch.device("meta"):
            for method in methods:
                try:
                    built = self.build(method, self.batch_size)
                except ValueError as error:
                    raise ValueError(f"method {METHODS.parse(method).label!r}: {error}") from None
            try:
                built(torch.empty(2, *self.shape))
            except RuntimeError as error:
                size = "x".join(map(str, self.shape))
                raise ValueError(f"model {MODELS.parse(self.model).label!r} cannot take images of {size}: {error}") from None

    def build_prepared(self, method: str) -> "Prepared":
        """The method (spec) with its teachers, the same at every call."""
        asked: set[tuple[str, str]] = set()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            built = self.build(method, self.samples(method))
            built.prepare(_Untrained(self, self.data(method), asked))
        return Prepared(built, len(asked))


@dataclass(frozen=True)
class Prepared:
    """A method that is ready to train, and the number of networks that are fully trained before it."""

    method: Method
    teachers: int


class _Untrained:
    """Gives `Method.prepare` untrained networks, which cost as much as trained ones; `asked` lists them."""

    def __init__(self, workload: Workload, data: TrainingSet, asked: set[tuple[str, str]]) -> None:
        self._workload, self._data, self._asked = workload, data, asked

    def trained(self, method: str, *, model: str | None = None) -> Method:
        """The method with its own teachers, untrained."""
        workload = self._workload if model is None else dataclasses.replace(self._workload, model=model)
        self._asked.add((str(METHODS.parse(method)), str(MODELS.parse(workload.model))))
        teacher = workload.build(method, len(self._data.images))
        teacher.prepare(_Untrained(workload, self._data, self._asked))
        return teacher

    def logits(self, method: Method) -> Tensor:
        """float32[N, K] of the training images."""
        return Evaluator(self._data.images, self._data.mean, self._data.std).logits(method)
