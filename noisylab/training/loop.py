"""The training loop. A method supplies composition and loss; callbacks only observe."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from noisylab.core.distributed import averaged, from_main, is_main, processes, rank
from noisylab.core.seeds import derive_seed
from noisylab.data.batches.loader import BatchLoader, TrainingSet
from noisylab.data.batches.samplers import make_sampler
from noisylab.methods.base import Method, check_mixing
from noisylab.models.base import Backbone
from noisylab.training.batch_norm import synchronise_batch_norm
from noisylab.training.callback import Callback, EpochSummary
from noisylab.training.checkpoint import load_checkpoint, save_checkpoint
from noisylab.training.config import TrainConfig, check_compiler
from noisylab.training.device import repeatable, resolve_device, seed_generators
from noisylab.training.evaluate import Evaluator
from noisylab.training.malloc import keep_freed_memory
from noisylab.training.update import Update

# The largest loss that records hold.
LARGEST_LOSS = 65504.0


class DivergedError(RuntimeError):
    """The training loss is no longer a finite number, or beyond every loss of a network that learns."""


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
    """Train `method` in place for `config.epochs` epochs. Order, augmentation and dropout are functions of `seed`.

    If several processes train together (`noisylab.core.distributed`), all call it with a method of the same initial weights,
    and each trains on its share of every batch. `Callback.on_step` is called in each of them, `on_epoch` only in the main one,
    which also writes the checkpoint.

    Args:
        method: The method. If it needs a finished teacher, call `Method.prepare` first.
        data: The training images with given labels.
        config: The settings of the loop.
        seed: Seed of all draws.
        callbacks: Observers of steps and epochs.
        checkpoint: File that gets the state after an epoch. If it exists, training continues from it, with the same result bit
            for bit.
        checkpoint_seconds: Save at most this often, and after the last epoch.

    Raises:
        DivergedError: If the training loss is not finite, or above 65,504.
        ValueError: If the number of processes is not the configured one.

    Example:
        >>> from noisylab import TrainConfig, create_method, load_data, train
        >>> from noisylab.data import TrainingSet
        >>> from noisylab.data.augmentations.crop import Crop
        >>> data = load_data("digits", train_size=100)
        >>> images = TrainingSet(data.train_images, data.train_labels, data.mean, data.std, Crop(padding=1, flip=False))
        >>> method = create_method("dlb", num_classes=10, num_samples=100, epochs=1, in_channels=1)
        >>> train(method, images, TrainConfig(epochs=1, device="cpu"))
    """
    if config.processes != processes():
        raise ValueError(f"the configuration is for {config.processes} processes, but {processes()} are training")
    check_mixing(method, data.augmentation)
    device = resolve_device(config.device)
    check_compiler(replace(config, device=device.type))  # type: ignore[arg-type]
    keep_freed_memory()
    method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.sync_batch_norm:
        synchronise_batch_norm(method, device)
    optimizers = make_optimizers(method, config)
    own_batch, replica = config.batch_size // processes(), {"num_replicas": processes(), "rank": rank()}
    sampler = make_sampler(method.composition, data.given_labels, own_batch, seed, **replica)
    feed = BatchLoader(data, sampler, seed, device)
    evaluator = Evaluator(data.images, data.mean, data.std)
    update = Update(method, optimizers, config, device)
    if config.compile:
        for network in {id(module): module for module in method.modules() if isinstance(module, Backbone)}.values():
            network.compile()
    first = load_checkpoint(checkpoint, method, callbacks, update.stateful, device) if checkpoint else 0
    saved = time.monotonic()
    with repeatable(device, config.threads):
        for epoch in range(first, config.epochs):
            summary = _train_epoch(epoch, method, feed, evaluator, update, config, callbacks, seed)
            if is_main():
                with update.evaluated():
                    for callback in callbacks:
                        callback.on_epoch(summary, method)
            due = from_main(epoch + 1 == config.epochs or time.monotonic() - saved > checkpoint_seconds)
            if checkpoint and due:
                save_checkpoint(checkpoint, epoch + 1, method, callbacks, update.stateful)
                saved = time.monotonic()


def make_optimizers(method: Method, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """The optimiser of the networks, and if a method has parameters with learning rates of their own, one for these."""
    groups = method.own_learning_rates()
    own = {id(parameter) for parameters, _ in groups for parameter in parameters}
    common = [parameter for parameter in method.parameters() if parameter.requires_grad and id(parameter) not in own]
    optimizer: torch.optim.Optimizer
    if config.optimizer == "sgd":
        rate, momentum, nesterov = config.learning_rate, config.momentum, config.momentum > 0
        optimizer = torch.optim.SGD(common, rate, momentum, 0, config.weight_decay, nesterov, fused=True)
    else:
        kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
        betas = config.momentum, 0.999
        optimizer = kind(common, config.learning_rate, betas=betas, weight_decay=config.weight_decay, fused=True)
    if not groups:
        return [optimizer]
    return [optimizer, torch.optim.SGD([{"params": parameters, "lr": rate} for parameters, rate in groups])]


def _train_epoch(
    epoch: int,
    method: Method,
    feed: BatchLoader,
    evaluator: Evaluator,
    update: Update,
    config: TrainConfig,
    callbacks: Sequence[Callback],
    seed: int,
) -> EpochSummary:
    """One epoch: for every batch forward, backward, update."""
    started = time.perf_counter()
    method.train()
    method.assess(epoch, evaluator.logits, feed.given_labels)
    method.start_epoch(epoch)
    losses, images = [], 0

    def rate_at(progress: float) -> float:
        return config.learning_rate_at(method.schedule_position(progress)) * method.learning_rate_factor(progress)

    for step, batch in enumerate(feed.batches(epoch)):
        # Dropout differs between processes.
        purpose = "step" if is_main() else f"step of process {rank()}"
        seed_generators(derive_seed(seed, purpose, epoch, step), feed.device)
        update.set_learning_rate(rate_at(epoch + (step + 0.5) / len(feed)))
        seen, result = update(batch)
        if batch.mix is not None:
            # The logits of a mixed image are not a prediction of its first image.
            result = result._replace(logits=None)
        losses.append(result.loss)
        images += len(seen.index)
        for callback in callbacks:
            callback.on_step(seen, result)
    method.end_epoch(epoch)
    # The one wait for the device in an epoch.
    train_loss = averaged(torch.stack(losses)).mean().item()
    unbounded = any(isinstance(part, Method) and part.has_unbounded_loss for part in method.modules())
    if not math.isfinite(train_loss) or (train_loss > LARGEST_LOSS and not unbounded):
        raise DivergedError(
            f"the training diverged: its loss is {train_loss:.4g} in epoch {epoch + 1}; "
            f"try a learning rate below {config.learning_rate:g}"
        )
    return EpochSummary(
        epoch=epoch,
        train_loss=train_loss,
        learning_rate=rate_at(epoch + 0.5 / len(feed)),
        images=images,
        updates=len(losses),
        seconds=time.perf_counter() - started,
    )
