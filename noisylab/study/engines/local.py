"""The engine `local`: processes of this machine."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from noisylab.core.checks import NonNegativeInt, PositiveInt
from noisylab.core.interrupts import stoppable
from noisylab.core.registries import ENGINES
from noisylab.core.system import processor_seconds
from noisylab.core.warning_lines import warn_in_lines
from noisylab.study.engines.engine import Engine
from noisylab.study.workers import worker_context

T = TypeVar("T")
VISIBLE = "CUDA_VISIBLE_DEVICES"
# Seconds that processes get to save what they have: of their own processor time, since a busy machine may let them wait, and
# in all.
PATIENCE, LONGEST = 4.0, 15.0


@ENGINES.register("local")
class Local(Engine):
    """Processes of this machine; with gpus=(0, 1), each sees one of these GPUs alone, and each GPU has its share of jobs."""

    attempts = 3

    def __init__(self, gpus: tuple[NonNegativeInt, ...] = (), *, jobs: PositiveInt = 1) -> None:
        context = worker_context()
        devices = _visible(gpus) or [None]
        self._jobs, self._started = max(jobs, len(devices)), context.RawValue("b", 0)
        # The process at the task of each place; 0 if none is. It has no lock, which a killed process would keep.
        self._processes, self._places = context.RawArray("l", self._jobs), dict[Future[Any], int]()
        self._pools = [
            ProcessPool(
                self._jobs // len(devices) + (place < self._jobs % len(devices)),
                initializer=_start_worker,
                initargs=[device, self._started, self._processes],
                context=context,
            )
            for place, device in enumerate(devices)
        ]
        self._held: list[list[Future[Any]]] = [[] for _ in self._pools]

    def places(self) -> int:
        """The number of processes."""
        return self._jobs

    def submit(self, function: Callable[..., T], /, *args: Any) -> Future[T]:
        """Call a function in a process of the GPU that has the fewest tasks."""
        self._held = [[future for future in held if not future.done()] for held in self._held]
        self._places = {future: place for future, place in self._places.items() if not future.done()}
        held, pool = min(zip(self._held, self._pools, strict=True), key=lambda both: len(both[0]))
        place = next((place for place in range(self._jobs) if place not in self._places.values()), None)
        future: Future[T] = pool.schedule(_at_place, args=[place, function, args])
        held.append(future)
        if place is not None:
            self._places[future] = place
        return future

    def died(self, error: BaseException) -> str | None:
        """The exit code. Raises ValueError if the calling script needs `if __name__ == "__main__":`."""
        if isinstance(error, BrokenProcessPool) and not self._started.value:
            # The processes import the calling script.
            raise ValueError(
                f"jobs={self._jobs} starts processes, and none could import the calling script: put what it does below "
                "if __name__ == '__main__':, or pass jobs=1"
            ) from None
        if isinstance(error, BrokenProcessPool):
            raise error
        return f"exit code {error.exitcode}" if isinstance(error, ProcessExpired) else None

    def close(self) -> None:
        """Ask the processes that are at work to stop, and end all once these have saved their finished epochs."""
        left = [future for future in self._places if not future.done()]
        at_work = {self._processes[self._places[future]] for future in left} - {0}
        for process in at_work:
            with suppress(OSError):
                os.kill(process, signal.SIGTERM)
        asked, before = time.monotonic(), {process: processor_seconds(process) for process in at_work}

        def spent() -> float:
            return max((processor_seconds(process) - seconds for process, seconds in before.items()), default=PATIENCE)

        while wait(left, timeout=0.1).not_done and spent() < PATIENCE and time.monotonic() - asked < LONGEST:
            pass
        for pool in self._pools:
            pool.stop()
        for pool in self._pools:
            pool.join()


def _visible(gpus: Sequence[int]) -> list[str | None]:
    """What `CUDA_VISIBLE_DEVICES` is to say for each of some GPUs. Raises ValueError if this machine lacks one."""
    if not gpus:
        return []
    import torch

    there = torch.cuda.device_count()
    for gpu in gpus:
        if gpu >= there:
            raise ValueError(f"engine local: gpus names {gpu}, and this machine has {there} (counted from 0)")
    if len(set(gpus)) < len(gpus):
        raise ValueError(f"engine local: gpus names one twice: {', '.join(map(str, gpus))}; write --jobs for more runs on each")
    # A cluster may have given this process a few GPUs of the machine.
    names = os.environ.get(VISIBLE, "").split(",") if os.environ.get(VISIBLE) else list(map(str, range(there)))
    return [names[gpu] for gpu in gpus]


_processes: Any = {}


def _at_place(place: int | None, function: Callable[..., T], args: Sequence[Any]) -> T:
    """In a process: call a function, so that it can be asked to stop."""
    # An idle process just ends when it is told to.
    with stoppable(), _noted(place):
        return function(*args)


@contextmanager
def _noted(place: int | None) -> Iterator[None]:
    """Inside, the parent knows which process is at the task of a place."""
    if place is None:
        yield
        return
    _processes[place] = os.getpid()
    try:
        yield
    finally:
        _processes[place] = 0


def _start_worker(device: str | None, started: Any, processes: Any) -> None:
    global _processes
    _processes, started.value = processes, 1
    if device is not None:
        # CUDA reads it when it is first used, after this.
        os.environ[VISIBLE] = device
    warn_in_lines()
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
