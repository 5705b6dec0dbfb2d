"""The training loop. A method supplies composition and loss; callbacks only observe."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from noisylab.core.distributed import averaged, from_main, is_main, processes, rank
from noisylab.core.interrupts import is_stop
from noisylab.core.seeds import derive_seed
from noisylab.data.batches.loader import BatchLoader, TrainingSet, together
from noisylab.data.batches.samplers import make_sampler
from noisylab.methods.base import Method, check_mixing
from noisylab.models.base import Backbone
from noisylab.training.batch_norm import synchronise_batch_norm
from noisylab.training.callback import Callback, EpochSummary
from noisylab.training.checkpoint import load_checkpoint, save_checkpoint, saved_epoch, state_after, write_state
from noisylab.training.config import TrainConfig, check_compiler
from noisylab.training.device import repeatable, resolve_device, seed_generators
from noisylab.training.evaluate import Evaluator
from noisylab.training.malloc import keep_freed_memory
from noisylab.training.update import Update, noted, width

# The largest loss that records hold.
LARGEST_LOSS = 65504.0


class DivergedError(RuntimeError):
    """The training loss is no longer a finite number, or beyond every loss of a network that learns."""


@dataclass(frozen=True)
class Training:
    """One run of `train_together`: the arguments of `train` that are its own."""

    method: Method
    data: TrainingSet
    callbacks: Sequence[Callback] = ()
    seed: int = 0
    checkpoint: Path | None = None


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
    (error,) = train_together(
        [Training(method, data, callbacks, seed, checkpoint)], config, checkpoint_seconds=checkpoint_seconds
    )
    if error is not None:
        raise error


def train_together(
    trainings: Sequence[Training], config: TrainConfig, *, checkpoint_seconds: float = 60.0
) -> list[BaseException | None]:
    """Train each as `train` does, up to `config.stack` of them as one network, and return each one's error.

    The methods are of one kind with the same options; seeds and data can differ. With a stack, numbers depend on its size, and
    not on which trainings share it: one that fails drops out, and one whose checkpoint, or whose number of samples, is another
    than that of the others is trained apart from them.

    Raises:
        ValueError: If the number of processes is not the configured one.
    """
    if config.processes != processes():
        raise ValueError(f"the configuration is for {config.processes} processes, but {processes()} are training")
    device = resolve_device(config.device)
    check_compiler(replace(config, device=device.type))  # type: ignore[arg-type]
    keep_freed_memory()
    errors: dict[int, BaseException] = {}
    members: dict[int, _Member] = {}
    for number, training in enumerate(trainings):
        with noted(errors, number):
            members[number] = _Member(training, config, device, next(iter(members.values()), None))
    with repeatable(device, config.threads):
        for numbers in _groups(members, config):
            failed: dict[int, BaseException] = {}
            _train_group([members[number] for number in numbers], config, device, checkpoint_seconds, failed)
            errors |= {numbers[place]: error for place, error in failed.items()}
    return [errors.get(number) for number in range(len(trainings))]


class _Member:
    """A training, and what the loop makes for it."""

    def __init__(self, training: Training, config: TrainConfig, device: torch.device, other: "_Member | None") -> None:
        method, data, self.training = training.method, training.data, training
        check_mixing(method, data.augmentation)
        method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.sync_batch_norm:
            synchronise_batch_norm(method, device)
        own_batch, replica = config.batch_size // processes(), {"num_replicas": processes(), "rank": rank()}
        sampler = make_sampler(method.composition, data.given_labels, own_batch, training.seed, **replica)
        self.feed: BatchLoader = BatchLoader(data, sampler, training.seed, device, None if other is None else other.feed)
        self.evaluator = Evaluator(data.images, data.mean, data.std)

    def rate(self, progress: float, config: TrainConfig) -> float:
        """The learning rate after `progress` epochs."""
        method = self.training.method
        return config.learning_rate_at(method.schedule_position(progress)) * method.learning_rate_factor(progress)


def _groups(members: dict[int, _Member], config: TrainConfig) -> Iterator[list[int]]:
    """The numbers of the members to train at the same time: those that go on from the same epoch, with equal batches."""
    alike: dict[tuple[int, int], list[int]] = {}
    for number, member in members.items():
        path, stacked = member.training.checkpoint, width(member.training.method, config) > 1
        first = saved_epoch(path) if path is not None and stacked else 0
        alike.setdefault((first, len(member.training.data.given_labels)), []).append(number)
    for numbers in alike.values():
        size = width(members[numbers[0]].training.method, config)
        yield from (numbers[start : start + size] for start in range(0, len(numbers), size))


def _train_group(
    members: Sequence[_Member],
    config: TrainConfig,
    device: torch.device,
    checkpoint_seconds: float,
    errors: dict[int, BaseException],
) -> None:
    """Train all epochs that are left. `errors` gets what ended a member's training, by its place."""
    try:
        update = Update([member.training.method for member in members], config, device)
        try:
            _train_epochs(members, update, config, device, checkpoint_seconds, errors)
        finally:
            update.release()
    except BaseException as error:
        if is_stop(error):
            raise
        for place in range(len(members)):
            errors.setdefault(place, error)


def _train_epochs(
    members: Sequence[_Member],
    update: Update,
    config: TrainConfig,
    device: torch.device,
    checkpoint_seconds: float,
    errors: dict[int, BaseException],
) -> None:
    trainings = [member.training for member in members]
    if config.compile:
        for network in {
            id(module): module for module in trainings[0].method.modules() if isinstance(module, Backbone)
        }.values():
            network.compile()
    first = 0
    for place, training in enumerate(trainings):
        if training.checkpoint is not None:
            with noted(errors, place):
                first = load_checkpoint(
                    training.checkpoint, training.method, training.callbacks, update.stateful(place), device
                )
    unsaved: dict[int, dict[str, Any]] = {}
    try:
        _train_and_save(first, members, update, config, checkpoint_seconds, errors, unsaved)
    except BaseException:
        # Finished epochs are kept, whatever ends the loop.
        for place, state in unsaved.items():
            path = trainings[place].checkpoint
            if path is not None and place not in errors:
                write_state(path, state, trainings[place].callbacks)
        raise


def _train_and_save(
    first: int,
    members: Sequence[_Member],
    update: Update,
    config: TrainConfig,
    checkpoint_seconds: float,
    errors: dict[int, BaseException],
    unsaved: dict[int, dict[str, Any]],
) -> None:
    """All epochs from `first` on. `unsaved` holds the states after the last finished epoch that are not on disk yet."""
    trainings = [member.training for member in members]
    saved = time.monotonic()
    for epoch in range(first, config.epochs):
        for place, summary in _train_epoch(epoch, members, update, config, errors).items():
            if is_main():
                with noted(errors, place), update.evaluated(place):
                    for callback in trainings[place].callbacks:
                        callback.on_epoch(summary, trainings[place].method)
        if len(errors) == len(members):
            return
        due = from_main(epoch + 1 == config.epochs or time.monotonic() - saved > checkpoint_seconds)
        # Several processes would have to stop at the same step to keep a state.
        if not due and processes() > 1:
            continue
        for place, training in enumerate(trainings):
            if place not in errors and training.checkpoint is not None:
                with noted(errors, place):
                    asked = epoch + 1, training.method, training.callbacks, update.stateful(place)
                    if due:
                        save_checkpoint(training.checkpoint, *asked)
                        unsaved.pop(place, None)
                    else:
                        unsaved[place] = state_after(*asked, copied=True)
        if due:
            saved = time.monotonic()


def _train_epoch(
    epoch: int, members: Sequence[_Member], update: Update, config: TrainConfig, errors: dict[int, BaseException]
) -> dict[int, EpochSummary]:
    """One epoch: for every batch forward, backward, update. The summaries of the members without an error, by place."""
    started = time.perf_counter()
    for place, member in enumerate(members):
        if place not in errors:
            with noted(errors, place), update.apart(place):
                method, feed = member.training.method, member.feed
                method.train()
                method.assess(epoch, member.evaluator.logits, feed.given_labels)
                method.start_epoch(epoch)
    places = [place for place in range(len(members)) if place not in errors]
    if not places:
        return {}
    one = members[places[0]]
    if any(members[place].rate(epoch, config) != one.rate(epoch, config) for place in places):
        raise ValueError(
            "the learning rate of this method differs between runs, so that they cannot be stacked; leave stack at 1"
        )
    losses: dict[int, list[torch.Tensor]] = {place: [] for place in places}
    images = dict.fromkeys(places, 0)
    # Dropout differs between processes.
    purpose = "step" if is_main() else f"step of process {rank()}"
    for step, found in enumerate(together([members[place].feed for place in places], epoch)):
        batches = {place: batch for place, batch in zip(places, found, strict=True) if place not in errors}
        if not batches:
            break

        def seed(place: int, step: int = step) -> None:
            seed_generators(derive_seed(members[place].training.seed, purpose, epoch, step), one.feed.device)

        update.set_learning_rate(one.rate(epoch + (step + 0.5) / len(one.feed), config))
        for place, (seen, result) in update(batches, seed, errors).items():
            if seen.mix is not None:
                # The logits of a mixed image are not a prediction of its first image.
                result = result._replace(logits=None)
            losses[place].append(result.loss)
            images[place] += len(seen.index)
            with noted(errors, place):
                for callback in members[place].training.callbacks:
                    callback.on_step(seen, result)
    seconds = (time.perf_counter() - started) / len(places)
    summaries = {}
    for place in places:
        if place not in errors:
            with noted(errors, place):
                members[place].training.method.end_epoch(epoch)
                summaries[place] = EpochSummary(
                    epoch=epoch,
                    train_loss=_mean_loss(losses[place], members[place].training.method, epoch, config),
                    learning_rate=one.rate(epoch + 0.5 / len(one.feed), config),
                    images=images[place],
                    updates=len(losses[place]),
                    seconds=seconds,
                )
    return summaries


def _mean_loss(losses: Sequence[torch.Tensor], method: Method, epoch: int, config: TrainConfig) -> float:
    """The mean loss of an epoch, the one wait for the device in it. Raises DivergedError for one of no network that learns."""
    train_loss = averaged(torch.stack(list(losses))).mean().item()
    unbounded = any(isinstance(part, Method) and part.has_unbounded_loss for part in method.modules())
    if not math.isfinite(train_loss) or (train_loss > LARGEST_LOSS and not unbounded):
        raise DivergedError(
            f"the training diverged: its loss is {train_loss:.4g} in epoch {epoch + 1}; "
            f"try a learning rate below {config.learning_rate:g}"
        )
    return train_loss
