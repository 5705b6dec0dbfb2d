"""Where the time of a run goes: by default runs of small_cnn on digits, by themselves and in a stack of 5, on one CPU thread.

    python benchmarks/own_share.py
    python benchmarks/own_share.py --shape 3 32 32 --model resnet20 --batch-size 128 --stack 1 --epochs 2 --train-size 2048

A run is a whole one, from its settings to its finished folder. With a shape, images are random ones. Each part counts without
the parts inside it, in processor time, which excludes waiting for a core on a busy machine. What is not forward, backward and
update is the loop's own share; forward includes the method's loss.
"""

import contextlib
import functools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import tyro

from noisylab.core.registries import METHODS
from noisylab.data.batches import loader
from noisylab.methods.base import Method
from noisylab.models.base import Backbone
from noisylab.models.stacked import StackedNetwork
from noisylab.recording import DynamicsRecorder
from noisylab.study import run
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run_log import RunLog
from noisylab.training import TrainConfig, loop
from noisylab.training.evaluate import Evaluator
from noisylab.training.optimizers import SGD
from noisylab.training.stack import Stack

# What every training step needs.
STEP = ("forward", "backward", "update")
# Parts by the functions that do them: their owner and their name.
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "forward": ((Backbone, "forward"), (StackedNetwork, "forward")),
    "backward": ((torch.autograd, "backward"),),
    "update": ((SGD, "step"), (Stack, "zero_gradients")),
    "seeding": ((loop, "seed_generators"), (loop, "derive_seed")),
    "recorder: steps": ((DynamicsRecorder, "observe"),),
    "recorder: epochs": ((DynamicsRecorder, "end_epoch"),),
    "evaluation": ((Evaluator, "logits"),),
    "metrics": ((RunLog, "on_epoch"),),
    "checkpoint": ((loop, "save_checkpoint"), (loop, "state_after"), (loop, "write_state")),
    "begin and end": ((run._Run, "__init__"), (run._Run, "finish")),
}
BATCHES, REST = "gather, augment, normalise", "rest of the loop"


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    model: str = "small_cnn"
    """Network (spec)."""
    methods: tuple[str, ...] = ("ce", "dlb")
    """Methods (specs)."""
    stack: tuple[int, ...] = (1, 5)
    """Runs in a stack; several numbers are measured one after the other."""
    shape: tuple[int, int, int] | None = None
    """Channels, height and width of random images (None: digits)."""
    train_size: int | None = None
    """Training images (None: all of digits)."""
    batch_size: int = 64
    """Entries of a batch (images)."""
    epochs: int = 40
    """Epochs of CE; the others get as many images."""


class Clock:
    """The processor time of each part, without that of the parts inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside, self._last = [REST], time.process_time()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Inside, time is that of the part."""
        self._enter(name)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, name: str) -> None:
        self._turn()
        # An evaluation has no parts.
        self._inside.append("evaluation" if self._inside[-1] == "evaluation" else name)

    def _leave(self) -> None:
        self._turn()
        self._inside.pop()

    def _turn(self) -> None:
        now = time.process_time()
        self.seconds[self._inside[-1]] += now - self._last
        self._last = now

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose time is that of the part."""

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            self._enter(name)
            try:
                return function(*args, **options)
            finally:
                self._leave()

        return call

    def timed_batches(self, together: Callable[..., Any]) -> Callable[..., Any]:
        """The function that yields batches, whose time is that of making them."""

        def batches(*args: Any) -> Iterator[Any]:
            found, end = together(*args), object()
            while True:
                self._enter(BATCHES)
                batch = next(found, end)
                self._leave()
                if batch is end:
                    return
                yield batch

        return batches


def grid(arguments: Arguments, method: str, stack: int, folder: Path) -> Grid:
    """A study of one stack of runs."""
    data = "digits"
    if arguments.shape is not None:
        rng, samples = np.random.default_rng(0), arguments.train_size or 2048
        data = f"npz:{folder / 'images.npz'}"
        # A fifth are for testing, as in CIFAR-10.
        drawn = {"train": samples, "test": samples // 5}
        channels, *pixels = arguments.shape
        images = {f"{part}_images": rng.integers(0, 256, (size, *pixels, channels), np.uint8) for part, size in drawn.items()}
        labels = {f"{part}_labels": np.arange(size) % 10 for part, size in drawn.items()}
        np.savez(folder / "images.npz", allow_pickle=False, **images, **labels)
    training = TrainConfig(epochs=arguments.epochs, batch_size=arguments.batch_size, device="cpu", stack=stack)
    return Grid(
        data=data,
        train_size=arguments.train_size,
        model=arguments.model,
        methods=(method,),
        noise=("symmetric:0.4",),
        seeds=tuple(range(stack)),
        training=training,
    )


def measure(arguments: Arguments, method: str, stack: int) -> None:
    """Train a stack, and print the parts."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as patches:
        planned = plan(grid(arguments, method, stack, Path(name)))
        data, clock = planned.data[planned.configs[0].data_digest], Clock()
        loss = "loss_from_logits"
        kind: type[Method] = METHODS.load(METHODS.parse(method).name)
        for part, functions in {**PARTS, "forward": (*PARTS["forward"], (kind, loss))}.items():
            for owner, function in functions:
                patches.enter_context(mock.patch.object(owner, function, clock.timed(part, getattr(owner, function))))
        patches.enter_context(mock.patch.object(loop, "together", clock.timed_batches(loader.together)))
        with clock.part(REST):
            results = run.run_stack(planned.configs, data, Path(name) / "study")
    updates, seconds = sum(result["updates"] for result in results if not isinstance(result, BaseException)), clock.seconds
    whole = sum(seconds.values())
    own = whole - sum(seconds[part] for part in STEP)
    step, evaluation = f"{1e3 * whole / updates:.2f} ms a step", seconds["evaluation"]
    shares = f"own share {own / whole:.1%}, {(own - evaluation) / whole:.1%} without evaluation"
    print(f"{method}, stack {stack}: {whole / stack:.2f} s a run, {step}; {shares}")
    for part in (*STEP, *sorted(seconds.keys() - set(STEP), key=lambda part: -seconds[part])):
        print(f"  {part:28}{1e3 * seconds[part] / updates:8.3f} ms a step {seconds[part] / whole:7.1%}", flush=True)


def main() -> None:
    """Measure and print the parts."""
    arguments = tyro.cli(Arguments, description=__doc__)
    print(arguments)
    for method in arguments.methods:
        for stack in arguments.stack:
            measure(arguments, method, stack)


if __name__ == "__main__":
    main()
