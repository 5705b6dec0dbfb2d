"""noisylab's DLB loop compared with one that works like DLB's public code, on the same network and images.

    python benchmarks/public_loop.py
    python benchmarks/public_loop.py --device cuda --workers 16 --steps 200

The public way, rewritten: a data set of PIL images augments each sample twice, behind a `DataLoader`; both views are copied to
the device; the new images and the second views of the previous batch go through the network in two forward passes; SGD and
`zero_grad` have torch's defaults; loss and accuracy are read by `.item()` every step. Our loop is `noisylab.training.train`
with the recorder.

Each side has its own process and the same number of training threads. They take turns, and a turn of ours is compared with the
mean of the turns of theirs before and after it. Their workers are started, and waiting batches used up, before a turn is timed.
Images are entries that go forward and backward: on both sides `batch_size` a step, half of them new. `--workers` applies to the
public way, each on a core of its own; our loop has none. Times are wall times, so the benchmark needs that many free cores.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from noisylab.core.registries import METHODS, MODELS
from noisylab.data import TrainingSet
from noisylab.data.augmentations.crop import Crop
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.models.base import Backbone
from noisylab.recording import DynamicsRecorder
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary
from noisylab.training.device import resolve_device

CLASSES = 10
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
TEMPERATURE = 3.0


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    model: str = "resnet32"
    """Network (spec)."""
    batch_size: int = 128
    """Entries of a step (images), half of them new."""
    workers: tuple[int, ...] = (0, 2)
    """Numbers of worker processes of the public way's DataLoader, one measurement each."""
    threads: int = 1
    """CPU threads of each training process."""
    steps: int = 8
    """Steps per turn."""
    turns: int = 11
    """Turns of our loop."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of our loop; the public code has fp32."""
    compile: bool = False
    """Compile the network of our loop; the public code does not."""
    same_cores: bool = False
    """Give our loop the workers' cores as threads (CPU only); needs that many free cores."""

    def network(self) -> Backbone:
        """A new network."""
        network: Backbone = MODELS.create(MODELS.parse(self.model), CLASSES, 3)
        return network

    def images(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Random uint8[N, 3, 32, 32] and labels; the steps of a turn show each sample once as new."""
        rng = np.random.default_rng(0)
        samples = self.batch_size // 2 * self.steps
        return rng.integers(0, 256, (samples, 3, 32, 32), dtype=np.uint8), rng.integers(0, CLASSES, samples)


class TwoViews(Dataset[Any]):
    """(view, another view, label) of PIL images, repeated `rounds` times, so that a long measurement is one epoch."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], rounds: int) -> None:
        self.images, self.labels, self.rounds = np.ascontiguousarray(images.transpose(0, 2, 3, 1)), labels, rounds
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.images) * self.rounds

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor, int]:
        sample = position % len(self.images)
        image = Image.fromarray(self.images[sample])
        return self.transform(image), self.transform(image), int(self.labels[sample])


class PublicWay:
    """Steps like those of DLB's public code, in one endless epoch."""

    def __init__(self, arguments: Arguments, workers: int) -> None:
        self.device, self.arguments = resolve_device(arguments.device), arguments
        # Use up waiting batches before timing a turn.
        self.untimed = 2 * workers + 1
        self.network: nn.Module = arguments.network().to(self.device)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
        rounds = (arguments.turns + 3) * (2 + self.untimed // arguments.steps)
        self.loader: DataLoader[Any] = DataLoader(
            TwoViews(*arguments.images(), rounds),
            batch_size=arguments.batch_size // 2,
            shuffle=True,
            num_workers=workers,
            pin_memory=arguments.device == "cuda",
        )
        self.batches: Iterator[list[Tensor]] = iter(self.loader)
        self.last: tuple[Tensor, Tensor, Tensor] | None = None
        self.losses, self.correct = 0.0, 0
        self.network.train()

    def turn(self) -> float:
        """Images per second."""
        for _ in range(self.untimed):
            self.step()
        started = time.perf_counter()
        for _ in range(self.arguments.steps):
            self.step()
        # `.item()` waits for the last forward pass; this waits for the rest.
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return self.arguments.batch_size * self.arguments.steps / (time.perf_counter() - started)

    def step(self) -> None:
        """Two forward passes, one backward pass, one update."""
        view, other, labels = (part.to(self.device) for part in next(self.batches))
        logits = self.network(view)
        if self.last is None:
            loss = functional.cross_entropy(logits, labels)
        else:
            last_other, last_labels, last_logits = self.last
            again = self.network(last_other)
            both, both_labels = torch.cat([again, logits]), torch.cat([last_labels, labels])
            soft = functional.softmax(last_logits / TEMPERATURE, dim=1)
            divergence = functional.kl_div(functional.log_softmax(again / TEMPERATURE, dim=1), soft, reduction="batchmean")
            loss = functional.cross_entropy(both, both_labels) + TEMPERATURE**2 * divergence
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.last = other, labels, logits.detach()
        self.losses += loss.item()
        self.correct += (logits.argmax(dim=1) == labels).sum().item()


class Turns(Callback):
    """Records every step, sends the speed of every epoch, and waits for the next request."""

    def __init__(self, connection: Connection, recorder: DynamicsRecorder) -> None:
        self.connection, self.recorder = connection, recorder

    def on_step(self, batch: Batch, step: Step) -> None:
        """Record."""
        assert step.logits is not None
        self.recorder.observe(batch.index, step.logits, batch.labels, batch.new)

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """Send the speed of the epoch, which is a turn."""
        self.recorder.end_epoch()
        self.connection.send(summary.images / summary.seconds)
        self.connection.recv()


def serve_public(connection: Connection, arguments: Arguments, workers: int) -> None:
    """A process that makes turns in the public way on request."""
    torch.set_num_threads(arguments.threads)
    way = PublicWay(arguments, workers)
    while True:
        connection.send(way.turn())
        connection.recv()


def serve_ours(connection: Connection, arguments: Arguments, threads: int) -> None:
    """A process that makes turns of our loop on request."""
    images, labels = arguments.images()
    info = RunInfo(arguments.network, CLASSES, len(images), arguments.turns + 2)
    method: Method = METHODS.create(METHODS.parse(f"dlb(temperature={TEMPERATURE})"), info)
    config = TrainConfig(
        epochs=arguments.turns + 2,
        batch_size=arguments.batch_size,
        device=arguments.device,
        precision=arguments.precision,
        compile=arguments.compile,
        threads=threads,
    )
    with tempfile.TemporaryDirectory() as folder:
        turns = Turns(connection, DynamicsRecorder(folder, labels, epochs=config.epochs, num_classes=CLASSES))
        train(method, TrainingSet(images, labels, MEAN, STD, Crop(4, True)), config, [turns])


class Side:
    """A process that makes turns on request, after a turn for warming up."""

    def __init__(self, serve: Callable[[Connection, Arguments, int], None], arguments: Arguments, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, arguments, number))
        self.process.start()
        other.close()
        self.connection.recv()

    def turn(self) -> float:
        """Images per second."""
        self.connection.send(None)
        speed: float = self.connection.recv()
        return speed

    def end(self) -> None:
        """End the process; workers of a DataLoader end with it."""
        self.process.terminate()
        self.process.join()


def compare(arguments: Arguments, workers: int, threads: int) -> None:
    """Print our speed relative to theirs. threads: of our loop."""
    theirs, ours = Side(serve_public, arguments, workers), Side(serve_ours, arguments, threads)
    try:
        ratios, speeds, others = [], [], []
        before = theirs.turn()
        for _ in range(arguments.turns):
            own, after = ours.turn(), theirs.turn()
            # Seconds per image, because speeds do not average.
            ratios.append(own * (1 / before + 1 / after) / 2)
            speeds.append(own)
            others.append(after)
            before = after
    finally:
        theirs.end()
        ours.end()
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    print(
        f"{threads} thread(s) / {arguments.threads} thread(s) + {workers} workers: "
        f"{median:.2f} (median of {len(ratios)} turns, quartiles {low:.2f} to {high:.2f}); "
        f"{statistics.median(speeds):.0f} / {statistics.median(others):.0f} images/s, half of them new",
        flush=True,
    )


def main() -> None:
    """Measure and print the ratios."""
    arguments = tyro.cli(Arguments, description=__doc__)
    print(f"our loop / the public way, {arguments.model}, batch {arguments.batch_size}, {arguments.device}")
    for workers in arguments.workers:
        compare(arguments, workers, arguments.threads + workers * arguments.same_cores)


if __name__ == "__main__":
    main()
