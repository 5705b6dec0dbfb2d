"""Single steps of a method, for their time and memory."""

import gc
import itertools
import statistics
import time
from typing import NamedTuple

import torch

from noisylab.costs.peak_memory import LiveMemory
from noisylab.costs.workload import Workload
from noisylab.data.batches.loader import BatchLoader
from noisylab.training.config import TrainConfig
from noisylab.training.malloc import keep_freed_memory
from noisylab.training.update import Update

# Long compared with the clock's resolution and interruptions, and short compared with changes of the processor's speed.
TURN_SECONDS = 0.1


class Stepper:
    """A method (spec) in the last epoch of a run, with a full memory; further steps stay in that epoch.

    peak_bytes: the largest memory of its tensors in a step, including weights, optimiser state and batch.
    """

    def __init__(self, workload: Workload, method: str, device: torch.device) -> None:
        gc.collect()
        keep_freed_memory()
        self._device = device
        self._method = workload.build_prepared(method).method
        loader = workload.loader(self._method, workload.data(method), device)
        before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
        self._method.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        config = TrainConfig(learning_rate=1e-3)
        self._update = Update([self._method], config, device)
        self._warm_up(loader, workload.epochs)
        # Compositions continue from epoch to epoch, as DLB's must, while the method stays in its last epoch.
        self._batches = itertools.chain.from_iterable(map(loader.batches, itertools.count(workload.epochs - 1)))
        self.peak_bytes: int = self._peak(before)

    def seconds(self, steps: int) -> float:
        """The time of some steps, without making their batches.

        On one CPU thread it is the processor's time, which equals the wall time on a quiet machine, and excludes waiting for a
        core on a busy one.
        """
        clock = time.process_time if self._device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
        batches = [next(self._batches) for _ in range(steps)]
        self._wait()
        started = clock()
        for batch in batches:
            self._update({0: batch})
        self._wait()
        return clock() - started

    def _warm_up(self, loader: BatchLoader, epochs: int) -> None:
        """Train all epochs before the last one, and its start."""
        for epoch in range(epochs - 1):
            self._method.start_epoch(epoch)
            for batch in loader.batches(epoch):
                self._update({0: batch})
            self._method.end_epoch(epoch)
        self._method.start_epoch(epochs - 1)

    def _peak(self, before: int) -> int:
        """The peak of two steps, after one that touches all longer-lived tensors. before: bytes of others."""
        batches = [next(self._batches) for _ in range(3)]
        if self._device.type == "cuda":
            self._update({0: batches.pop(0)})
            torch.cuda.reset_peak_memory_stats(self._device)
            while batches:
                self._update({0: batches.pop(0)})
            return int(torch.cuda.max_memory_allocated(self._device)) - before
        memory = LiveMemory()
        with memory:
            self._update({0: batches.pop(0)})
            memory.restart()
            while batches:
                self._update({0: batches.pop(0)})
        return memory.peak

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()


class Ratio(NamedTuple):
    """The median over turns, and the quartiles."""

    median: float
    low: float
    high: float


def time_ratio(stepper: Stepper, baseline: Stepper, turns: int) -> tuple[Ratio, float]:
    """Step time relative to the baseline, and seconds per step. turns: at least 2.

    Every turn of the method is between two of the baseline and compared with their mean, so that a slow phase of the machine
    affects both.
    """
    baseline.seconds(1)
    steps = max(1, round(TURN_SECONDS / baseline.seconds(1)))
    ratios, seconds = [], []
    before = baseline.seconds(steps)
    for _ in range(turns):
        own = stepper.seconds(steps)
        after = baseline.seconds(steps)
        ratios.append(own / ((before + after) / 2))
        seconds.append(own / steps)
        before = after
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high), statistics.median(seconds)
