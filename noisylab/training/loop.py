"""The training loop. It reads top to bottom; a method supplies batches' composition and loss, callbacks only look on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.data.augment import Augmentation, Normalise
from noisylab.data.batch import Batch
from noisylab.data.samplers import PlainSampler, make_sampler
from noisylab.methods.base import Method, Step
from noisylab.models.base import Backbone
from noisylab.seeds import derive_seed
from noisylab.training.checkpoint import load_checkpoint, save_checkpoint
from noisylab.training.config import TrainConfig
from noisylab.training.device import repeatable, resolve_device, seed_generators
from noisylab.training.update import Update


@dataclass(frozen=True)
class TrainingSet:
    """Images uint8[N, C, H, W] with given labels int64[N]; no true labels. mean, std: per channel, of pixels in [0, 1]."""

    images: NDArray[np.uint8]
    given_labels: NDArray[np.int64]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation


@dataclass(frozen=True)
class EpochSummary:
    """What the loop knows at the end of an epoch. `images` and `steps` count this epoch alone; seconds of training alone."""

    epoch: int
    train_loss: float
    learning_rate: float
    images: int
    steps: int
    seconds: float


class Callback:
    """Looks on at training; may not change it. What it remembers between epochs is in its `state_dict()`."""

    def on_step(self, batch: Batch, step: Step) -> None:
        """After the update of every step. `step.logits`, where there are any, are from before it, in training mode."""

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """After the last step of an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on exactly."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""


class DivergedError(RuntimeError):
    """The training loss is no longer a finite number."""


def train(
    method: Method,
    data: TrainingSet,
    config: TrainConfig,
    callbacks: Sequence[Callback] = (),
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
) -> None:
    """Train `method` in place for `config.epochs` epochs; order, augmentation and dropout are functions of `seed`.

    A method with a finished teacher has been given it by `Method.prepare` before.
    With `checkpoint`, the state is saved to that file at the end of an epoch, at most every `checkpoint_seconds`, and after the
    last one; a file that is there already is continued from, with the same result to the bit. Raises `DivergedError`.
    """
    device = resolve_device(config.device)
    method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(method, config)
    sampler = make_sampler(method.batching, data.given_labels, config.batch_size, seed)
    resident = _Resident(
        images=torch.from_numpy(data.images).to(device),
        labels=torch.from_numpy(np.array(data.given_labels)).to(device),
        augmentation=data.augmentation,
        normalise=Normalise(data.mean, data.std, device),
    )
    update = Update(method, optimizer, config, device)
    if config.compile:
        for network in {id(module): module for module in method.modules() if isinstance(module, Backbone)}.values():
            network.compile()
    first = load_checkpoint(checkpoint, method, optimizer, callbacks, update.stateful, device) if checkpoint else 0
    saved = time.monotonic()
    with repeatable(device, config.threads):
        for epoch in range(first, config.epochs):
            summary = _train_epoch(epoch, method, resident, sampler, update, config, callbacks, seed)
            with update.evaluated():
                for callback in callbacks:
                    callback.on_epoch(summary, method)
            if checkpoint and (epoch + 1 == config.epochs or time.monotonic() - saved > checkpoint_seconds):
                save_checkpoint(checkpoint, epoch + 1, method, optimizer, callbacks, update.stateful)
                saved = time.monotonic()


def make_optimizer(method: Method, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum over what the method trains."""
    return torch.optim.SGD(
        [parameter for parameter in method.parameters() if parameter.requires_grad],
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )


@dataclass(frozen=True)
class _Resident:
    """The training set on the device."""

    images: Tensor
    labels: Tensor
    augmentation: Augmentation
    normalise: Normalise


def _train_epoch(
    epoch: int,
    method: Method,
    data: _Resident,
    sampler: PlainSampler,
    update: Update,
    config: TrainConfig,
    callbacks: Sequence[Callback],
    seed: int,
) -> EpochSummary:
    """One epoch: for every batch gather, augment, normalise, forward, backward, update."""
    started = time.perf_counter()
    device = data.images.device
    method.train()
    method.start_epoch(epoch)
    batches = list(sampler.batches(epoch))
    all_ids = torch.from_numpy(np.concatenate([entries.ids for entries in batches])).to(device)
    generator = torch.Generator().manual_seed(derive_seed(seed, "augment", epoch))
    all_drawn = data.augmentation.draw(len(all_ids), generator).to(device)
    losses, stop = [], 0

    def rate_at(progress: float) -> float:
        return config.learning_rate_at(method.schedule_position(progress))

    for step, entries in enumerate(batches):
        seed_generators(derive_seed(seed, "step", epoch, step), device)
        update.set_learning_rate(rate_at(epoch + (step + 0.5) / len(batches)))
        start, stop = stop, stop + len(entries.ids)
        ids = all_ids[start:stop]
        pixels = data.augmentation(data.images.index_select(0, ids), all_drawn[start:stop])
        inputs = data.normalise(pixels).contiguous(memory_format=torch.channels_last)
        batch = Batch(inputs, data.labels.index_select(0, ids), ids, entries.new)
        result = update(batch)
        losses.append(result.loss.detach())
        for callback in callbacks:
            callback.on_step(batch, result)
    method.end_epoch(epoch)
    # The one wait for the device in an epoch.
    train_loss = torch.stack(losses).mean().item()
    if not np.isfinite(train_loss):
        raise DivergedError(f"the training loss is {train_loss} in epoch {epoch}; try a lower learning rate")
    return EpochSummary(
        epoch=epoch,
        train_loss=train_loss,
        learning_rate=rate_at(epoch + 0.5 / len(batches)),
        images=stop,
        steps=len(batches),
        seconds=time.perf_counter() - started,
    )
