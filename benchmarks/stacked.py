"""Whether stacking pays: a step of runs that share one network, by itself and in a stack; by default small_cnn on digits.

    python benchmarks/stacked.py
    python benchmarks/stacked.py --model resnet20 --shape 3 32 32 --batch-size 128 --steps 4 --stack 2 4
    python benchmarks/stacked.py --device cuda --model resnet20 --shape 3 32 32 --batch-size 128 --stack 4 8 16

A step is the loop's without recording: gather, crop and flip, normalise, forward, backward, update, for the method's batches.
Both kinds are timed in one process, in turns, each turn of a stack between two of single runs. On one CPU thread the time that
the processor works counts, which excludes waiting for a core on a busy machine.
"""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import tyro

from noisylab.data import TrainingSet
from noisylab.data.augmentations.crop import Crop
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.loader import BatchLoader, together
from noisylab.data.batches.samplers import make_sampler
from noisylab.methods import Method, create_method
from noisylab.training import TrainConfig
from noisylab.training.device import repeatable, resolve_device
from noisylab.training.malloc import keep_freed_memory
from noisylab.training.update import Update

CLASSES = 10


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    model: str = "small_cnn"
    """Network (spec)."""
    method: str = "dlb"
    """Method (spec)."""
    stack: tuple[int, ...] = (2, 4, 6)
    """Runs in a stack; several numbers are measured one after the other."""
    shape: tuple[int, int, int] = (1, 8, 8)
    """Channels, height and width of an image."""
    batch_size: int = 64
    """Entries of a batch (images)."""
    steps: int = 40
    """Steps per turn."""
    turns: int = 15
    """Turns of the stack."""
    threads: int = 1
    """CPU threads."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of forward and backward passes."""


def stepper(arguments: Arguments, stack: int) -> Callable[[], float]:
    """A function that makes a turn, and returns the seconds per run and step."""
    device = resolve_device(arguments.device)
    config = TrainConfig(
        batch_size=arguments.batch_size, stack=stack, precision=arguments.precision, learning_rate=1e-3, device=arguments.device
    )
    samples = 8 * arguments.batch_size
    rng, channels = np.random.default_rng(0), arguments.shape[0]
    images = rng.integers(0, 256, (samples, *arguments.shape), dtype=np.uint8)
    augmentation, statistics_ = Crop(1, True), ((0.5,) * channels, (0.25,) * channels)
    methods: list[Method] = []
    loaders: list[BatchLoader] = []
    for seed in range(stack):
        method = create_method(
            arguments.method, arguments.model, num_classes=CLASSES, num_samples=samples, epochs=10**6, in_channels=channels
        )
        methods.append(method.to(device, memory_format=torch.channels_last).train())  # type: ignore[call-overload]
        data = TrainingSet(images, rng.integers(0, CLASSES, samples), *statistics_, augmentation)
        sampler = make_sampler(method.composition, data.given_labels, arguments.batch_size, seed)
        loaders.append(BatchLoader(data, sampler, seed, device, loaders[0] if loaders else None))
        method.start_epoch(0)
    update, batches = Update(methods, config, device), endless(loaders)
    clock = time.process_time if arguments.device == "cpu" and arguments.threads == 1 else time.perf_counter

    def turn() -> float:
        wait(device)
        started = clock()
        for found in itertools.islice(batches, arguments.steps):
            update(dict(enumerate(found)))
        wait(device)
        return (clock() - started) / arguments.steps / stack

    return turn


def endless(loaders: list[BatchLoader]) -> Iterator[tuple[Batch, ...]]:
    """The batches of epoch after epoch."""
    for epoch in itertools.count():
        yield from together(loaders, epoch)


def wait(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def shown(values: list[float], scale: float = 1.0) -> str:
    """Median and quartiles."""
    low, median, high = (value * scale for value in statistics.quantiles(values, n=4, method="inclusive"))
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


def main() -> None:
    """Measure and print the times and their ratio."""
    arguments = tyro.cli(Arguments, description=__doc__)
    keep_freed_memory()
    print(dataclasses.replace(arguments, stack=()))
    with repeatable(resolve_device(arguments.device), arguments.threads):
        single = stepper(arguments, 1)
        for stack in arguments.stack:
            stacked = stepper(arguments, stack)
            single(), stacked()
            alone, together_, ratios = [single()], [], []
            for _ in range(arguments.turns):
                together_.append(stacked())
                alone.append(single())
                ratios.append(sum(alone[-2:]) / 2 / together_[-1])
            print(
                f"stack {stack}: {shown(together_, 1e3)} ms per run and step, by itself {shown(alone, 1e3)} ms; "
                f"{shown(ratios)} times as fast",
                flush=True,
            )


if __name__ == "__main__":
    main()
