"""What the whole loop costs beyond the bare training step: resnet32 at CIFAR shapes, batch 128, on CPU.

    python benchmarks/training_step.py

Both are timed in one process, in turns, and compared by the median of the turns' ratios: a bare forward, backward and update on
one fixed batch of random floats, and `noisylab.training.train` with everything that a run does per step (gather, crop and flip,
normalise, DLB's batches and KL, metrics for the recorder). The time of writing records and of evaluation, once an epoch, is
stated apart.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass, field

import numpy as np
import torch
import tyro
from torch.nn import functional

from noisylab.analysis import DynamicsRecorder
from noisylab.data.augment import Crop
from noisylab.data.batch import Batch
from noisylab.methods.base import Method, Setting, Step
from noisylab.registries import METHODS, MODELS
from noisylab.training import Callback, TrainConfig, TrainingSet, train
from noisylab.training.loop import EpochSummary


@dataclass(frozen=True)
class Arguments:
    """What is measured."""

    model: str = "resnet32"
    """Network (spec)."""
    methods: tuple[str, ...] = ("dlb", "repeat", "ce")
    """Methods (specs) whose loop is measured."""
    batch_size: int = 128
    """Entries of a batch (images)."""
    steps: int = 12
    """Steps a turn."""
    turns: int = 7
    """Turns of the bare step and of the loop."""
    threads: int = 1
    """CPU threads."""


def bare_step(model: str, batch_size: int, steps: int) -> float:
    """Images a second of forward, backward and update on one fixed batch."""
    network = MODELS.create(MODELS.parse(model), 10, 3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    images = torch.randn(batch_size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch_size,))
    for step in range(steps + 1):
        if step == 1:
            started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return batch_size * steps / (time.perf_counter() - started)


@dataclass
class Clock(Callback):
    """Records every step as a run does, and times full batches from the end of the first one."""

    recorder: DynamicsRecorder
    batch_size: int
    marks: list[float] = field(default_factory=list)

    def on_step(self, batch: Batch, step: Step) -> None:
        """Record, and note the time where the batch is a full one."""
        assert step.logits is not None
        self.recorder.observe(batch.index, step.logits, batch.labels, batch.new)
        if len(batch.index) == self.batch_size:
            self.marks.append(time.perf_counter())

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """Write the records."""
        self.recorder.end_epoch()


def whole_loop(model: str, method: str, batch_size: int, steps: int, threads: int) -> float:
    """Images a second of the training loop."""
    rng = np.random.default_rng(0)
    presentations = 1 if method == "ce" else 2
    samples = batch_size // presentations * (steps + 2)
    data = TrainingSet(
        rng.integers(0, 256, (samples, 3, 32, 32), dtype=np.uint8),
        rng.integers(0, 10, samples),
        (0.5, 0.5, 0.5),
        (0.25, 0.25, 0.25),
        Crop(4, True),
    )
    setting = Setting(lambda: MODELS.create(MODELS.parse(model), 10, 3), 10, samples, 1)
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(DynamicsRecorder(folder, data.given_labels, epochs=1, num_classes=10), batch_size)
        config = TrainConfig(epochs=1, batch_size=batch_size, threads=threads, device="cpu")
        train(METHODS.create(METHODS.parse(method), setting), data, config, [clock])
    return batch_size * (len(clock.marks) - 1) / (clock.marks[-1] - clock.marks[0])


def main() -> None:
    """Measure in turns and print the ratios."""
    arguments = tyro.cli(Arguments, description=__doc__)
    torch.set_num_threads(arguments.threads)
    shape = (arguments.model, arguments.batch_size, arguments.steps)
    for method in arguments.methods:
        ratios, speeds = [], []
        for _ in range(arguments.turns):
            before = bare_step(*shape)
            loop = whole_loop(arguments.model, method, arguments.batch_size, arguments.steps, arguments.threads)
            after = bare_step(*shape)
            ratios.append(loop / ((before + after) / 2))
            speeds.append(loop)
        print(
            f"{method}: loop / bare step = {statistics.median(ratios):.3f} (median of {len(ratios)} turns, "
            f"{min(ratios):.3f} to {max(ratios):.3f}); {statistics.median(speeds):.0f} images/s, {arguments.model}, "
            f"batch {arguments.batch_size}, {arguments.threads} thread(s)"
        )


if __name__ == "__main__":
    main()
