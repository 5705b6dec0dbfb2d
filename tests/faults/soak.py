"""Hundreds of short runs: whether the memory of the study's process stays as it is, and whether the last begin as fast."""

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.runner import Observer, run_plan
from noisylab.training.config import TrainConfig


class _Watch(Observer):
    """Memory in MB after each run, and the CPU seconds that each took."""

    def __init__(self) -> None:
        self.memory, self.seconds, self._last = list[float](), list[float](), time.process_time()

    def on_result(self, *_: Any) -> None:
        """A run is done."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        now = time.process_time()
        self.seconds.append(now - self._last)
        self._last = now


def soak(work: Path, runs: int, jobs: int) -> int:
    """Print what so many runs did to the process; 1 if its memory grew by more than 5 %, or if runs became slower."""
    training = TrainConfig(epochs=1, batch_size=32, device="cpu")
    grid = Grid(
        methods=("ce",),
        noise=("symmetric:0.4",),
        seeds=tuple(range(runs)),
        train_size=60,
        test_size=30,
        model="small_cnn(width=4)",
        training=training,
    )
    watch = _Watch()
    failures = run_plan(plan(grid), work / f"soak {jobs}", jobs=jobs, observer=watch)
    # The first runs import and fill what every run needs.
    early, late = _middle(watch.memory[2:12]), _middle(watch.memory[-10:])
    began, ended = _middle(watch.seconds[2:12]), _middle(watch.seconds[-10:])
    print(
        f"{runs} runs, {jobs} at once: memory of the parent {early:.0f} MB after 3 runs, {late:.0f} MB after all "
        f"({late / early - 1:+.1%}); its CPU time for a run {1e3 * began:.1f} ms, then {1e3 * ended:.1f} ms",
        flush=True,
    )
    return int(bool(failures) or late > 1.05 * early or (jobs == 1 and ended > 1.25 * began))


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)
