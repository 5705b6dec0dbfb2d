"""A step of our loop, a bare training step, and the arithmetic in it: by default resnet32 at CIFAR shapes, one CPU thread.

    python benchmarks/training_step.py
    python benchmarks/training_step.py --model small_cnn --shape 1 8 8 --batch-size 64 --steps 300
    python benchmarks/training_step.py --device cuda --model resnet18 --batch-size 256 --precision bf16 --compile --steps 200

All are timed in one process, in turns. The bare step is a forward, backward and update on one fixed batch of random floats. The
loop is `noisylab.training.train` with everything that a run does per step (gather, crop and flip, normalise, the method's
batches and loss, metrics for the recorder). Every turn of the loop is an epoch, compared with the mean of the bare turns before
and after it. Both have channels-last networks, fused SGD, the same precision and compilation. The bare step may use any cuDNN
kernel, the loop only repeatable ones. On one CPU thread the processor's time counts, which excludes waiting for a core on a
busy machine. Writing records and evaluation, once an epoch, do not count (`own_share.py` has them).

The arithmetic is the products of convolutions and linear layers (torch's FlopCounterMode), at the speed of the fastest product
of two large matrices in the same process and precision.
"""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import tyro
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from noisylab.core.registries import METHODS, MODELS
from noisylab.data import TrainingSet
from noisylab.data.augmentations.crop import Crop
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.composition import presentations_of
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.models.base import Backbone
from noisylab.recording import DynamicsRecorder
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary
from noisylab.training.device import resolve_device

CLASSES = 10
# The rows of the matrices whose product shows the speed of the arithmetic, and how often it is tried.
ROWS, TRIES = {"cpu": 1024, "cuda": 8192}, 10
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    model: str = "resnet32"
    """Network (spec)."""
    methods: tuple[str, ...] = ("dlb", "repeat", "ce")
    """Methods (specs) to measure."""
    shape: tuple[int, int, int] = (3, 32, 32)
    """Channels, height and width of an image."""
    batch_size: int = 128
    """Entries of a batch (images)."""
    steps: int = 8
    """Steps per turn."""
    turns: int = 9
    """Turns of the loop."""
    threads: int = 1
    """CPU threads."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of forward and backward passes."""
    compile: bool = False
    """Compile the network, also for the bare step."""

    def network(self) -> Backbone:
        """A new network."""
        network: Backbone = MODELS.create(MODELS.parse(self.model), CLASSES, self.shape[0])
        return network

    def config(self) -> TrainConfig:
        """The configuration of the loop; its first turn is for warming up."""
        return TrainConfig(
            epochs=self.turns + 1,
            batch_size=self.batch_size,
            device=self.device,
            precision=self.precision,
            compile=self.compile,
            threads=self.threads,
        )


def seconds(steps: Callable[[], None], arguments: Arguments) -> float:
    """The time of `steps`, including waits for the device."""
    clock = clock_of(arguments)
    wait(arguments)
    started = clock()
    steps()
    wait(arguments)
    return clock() - started


def clock_of(arguments: Arguments) -> Callable[[], float]:
    """The clock: processor time on one CPU thread, else wall time."""
    return time.process_time if arguments.device == "cpu" and arguments.threads == 1 else time.perf_counter


def wait(arguments: Arguments) -> None:
    """Wait for the device."""
    if arguments.device == "cuda":
        torch.cuda.synchronize()


def bare_turn(arguments: Arguments) -> Callable[[], None]:
    """A function that makes `arguments.steps` bare steps."""
    device = resolve_device(arguments.device)
    network = arguments.network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True, fused=True)
    images = torch.randn(arguments.batch_size, *arguments.shape, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (arguments.batch_size,), device=device)
    if arguments.compile:
        network.compile()

    def turn() -> None:
        with torch.backends.cudnn.flags(benchmark=True, deterministic=False):
            for _ in range(arguments.steps):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast(device.type, torch.bfloat16, enabled=arguments.precision == "bf16"):
                    loss = functional.cross_entropy(network(images), labels)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()

    return turn


def arithmetic(arguments: Arguments) -> float:
    """The operations of a forward and backward pass."""
    network, images = arguments.network(), torch.randn(arguments.batch_size, *arguments.shape)
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(network(images), torch.zeros(len(images), dtype=torch.int64)).backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops())


def peak(arguments: Arguments) -> float:
    """The most operations per second in the product of two large matrices."""
    rows = ROWS[arguments.device]
    matrix = torch.randn(rows, rows, dtype=DTYPES[arguments.precision], device=arguments.device)
    product = torch.empty_like(matrix)

    def multiply() -> None:
        torch.mm(matrix, matrix, out=product)

    return 2 * rows**3 / min(seconds(multiply, arguments) for _ in range(TRIES))


class Turns(Callback):
    """Records every step like a run, makes a bare turn after every epoch, and keeps the seconds per step of both."""

    def __init__(self, recorder: DynamicsRecorder, arguments: Arguments) -> None:
        self.recorder, self.arguments = recorder, arguments
        self.loop: list[float] = []
        self.bare: list[float] = []
        self.peaks: list[float] = []
        self._bare_turn, self._clock = bare_turn(arguments), clock_of(arguments)
        seconds(self._bare_turn, arguments)
        self._started = self._clock()

    def on_step(self, batch: Batch, step: Step) -> None:
        """Record."""
        assert step.logits is not None
        self.recorder.observe(batch.index, step.logits, batch.labels, batch.new)

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """Time the epoch, which is a turn of the loop. Only DLB's first epoch has a smaller batch."""
        if summary.epoch:
            self.loop.append((self._clock() - self._started) / summary.updates)
        self.recorder.end_epoch()
        self.bare.append(seconds(self._bare_turn, self.arguments) / self.arguments.steps)
        self.peaks.append(peak(self.arguments))
        self._started = self._clock()

    def ratios(self) -> list[float]:
        """The loop's speed relative to the bare step, for each turn."""
        around = zip(self.bare, self.bare[1:], strict=False)
        return [(before + after) / 2 / own for own, (before, after) in zip(self.loop, around, strict=True)]


def measure(arguments: Arguments, method: str) -> Turns:
    """The turns of a method's loop and of the bare step."""
    rng = np.random.default_rng(0)
    spec = METHODS.parse(method)
    probe: Method = METHODS.create(spec, RunInfo(arguments.network, CLASSES, 2, 1))
    samples = arguments.batch_size // presentations_of(probe.composition) * arguments.steps
    channels = arguments.shape[0]
    data = TrainingSet(
        rng.integers(0, 256, (samples, *arguments.shape), dtype=np.uint8),
        rng.integers(0, CLASSES, samples),
        (0.5,) * channels,
        (0.25,) * channels,
        Crop(4, True),
    )
    config = arguments.config()
    made: Method = METHODS.create(spec, RunInfo(arguments.network, CLASSES, samples, config.epochs))
    with tempfile.TemporaryDirectory() as folder:
        turns = Turns(DynamicsRecorder(folder, data.given_labels, epochs=config.epochs, num_classes=CLASSES), arguments)
        train(made, data, config, [turns])
    return turns


def main() -> None:
    """Measure and print the ratios."""
    arguments = tyro.cli(Arguments, description=__doc__)
    torch.set_num_threads(arguments.threads)
    print(dataclasses.replace(arguments, methods=()))
    operations = arithmetic(arguments)
    print(f"{'':10}{'our loop':>12}{'bare step':>12}{'arithmetic':>12}  ms a step")
    for method in arguments.methods:
        turns = measure(arguments, method)
        loop, bare, least = statistics.median(turns.loop), statistics.median(turns.bare), operations / max(turns.peaks)
        low, median, high = statistics.quantiles(turns.ratios(), n=4, method="inclusive")
        print(f"{method:10}" + "".join(f"{1e3 * time_:12.2f}" for time_ in (loop, bare, least)))
        print(
            f"{'':10}{1:12.2f}{median:12.2f}{least / loop:12.2f}  as shares of our loop; bare step {low:.2f} to {high:.2f} "
            f"(quartiles of {len(turns.loop)} turns); {arguments.batch_size / loop:.0f} images/s",
            flush=True,
        )
    print(f"{operations / 1e6:.0f} million operations a step, at {max(turns.peaks) / 1e9:.0f} billion a second")


if __name__ == "__main__":
    main()
