"""Many runs on this machine. A run that fails, or whose process is killed, does not affect the others."""

import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from noisylab.core.interrupts import Stopped, is_stop, stoppable
from noisylab.core.warning_lines import warn_in_lines
from noisylab.data.image_data import ImageData
from noisylab.study.code import import_code
from noisylab.study.failure import RunLockedError, reason_of
from noisylab.study.inputs import INPUTS
from noisylab.study.run_config import RunConfig

# How often a run is started if its process dies; it continues from its checkpoint.
ATTEMPTS = 3
# Seconds that workers get to save what they have.
PATIENCE = 4.0


@dataclass(frozen=True)
class Failure:
    """A run that did not finish, and why."""

    config: RunConfig
    reason: str

    def __repr__(self) -> str:
        return f"Failure({self.config.id}: {self.reason})"


@dataclass(frozen=True)
class Locked:
    """A worker's answer if another process holds the lock of the run."""


# The result of a run, or the error as text.
Outcome = dict[str, Any] | str | Locked


def run_here(
    configs: Sequence[RunConfig],
    stacks: Sequence[tuple[int, ...]],
    data: Callable[[RunConfig], ImageData],
    study: Path,
    *,
    on_result: Callable[[RunConfig, dict[str, Any]], None],
    on_progress: Callable[[list[int]], None],
    on_wait: Callable[[list[RunConfig]], None] = lambda _: None,
    checkpoint_seconds: float = 60.0,
) -> list[Failure]:
    """Execute all runs in this process, one stack after the other; otherwise like `run_pool`."""
    failures: list[Failure] = []
    epochs, queue = [0] * len(configs), deque(stacks)
    # How many stacks in a row were locked.
    locked = 0
    while queue:
        numbers = queue.popleft()

        def progress(place: int, done: int, numbers: tuple[int, ...] = numbers) -> None:
            epochs[numbers[place]] = done
            try:
                on_progress(epochs)
            except KeyboardInterrupt as error:
                # It is the observer's wish, and no error of the run.
                raise Stopped from error

        outcomes = _attempt([configs[number] for number in numbers], data, study, progress, checkpoint_seconds)
        busy = _settle(configs, numbers, outcomes, epochs, failures, on_result)
        on_progress(epochs)
        if busy:
            queue.append(busy)
        locked = locked + 1 if len(busy) == len(numbers) else 0
        # All remaining runs are locked: wait.
        if queue and locked >= len(queue):
            on_wait([configs[number] for numbers in queue for number in numbers])
            time.sleep(0.5)
    return failures


def run_pool(
    configs: Sequence[RunConfig],
    stacks: Sequence[tuple[int, ...]],
    study: Path,
    jobs: int,
    *,
    on_result: Callable[[RunConfig, dict[str, Any]], None],
    on_progress: Callable[[list[int]], None],
    on_wait: Callable[[list[RunConfig]], None] = lambda _: None,
    checkpoint_seconds: float = 60.0,
) -> list[Failure]:
    """Execute all runs in `jobs` processes, and return those that failed. The data is read from the study (`study.inputs`).

    stacks: the numbers of the runs that are trained together (`stacks_of`); if a process dies too often, its runs go on one by
    one. on_result is called when a run is done (by this process or another one); on_progress a few times a second with the
    epochs done of every run. Waits for runs that another process is training. Raises ValueError if the calling script needs
    `if __name__ == "__main__":`, because the processes import it.
    """
    context = multiprocessing.get_context("spawn")
    # The workers write without a lock, so that a killed one cannot leave a lock behind.
    epochs, started = context.RawArray("l", len(configs)), context.RawValue("b", 0)
    # The process that is at each run; 0 if none is.
    processes = context.RawArray("l", len(configs))
    queue, failures = deque(stacks), list[Failure]()
    attempts: Counter[tuple[int, ...]] = Counter()
    active: dict[Any, tuple[int, ...]] = {}
    busy: list[tuple[int, ...]] = []
    retry = 0.0
    started_with = [epochs, processes, started, checkpoint_seconds]
    with ProcessPool(jobs, initializer=_start_worker, initargs=started_with, context=context) as pool:
        try:
            while queue or active or busy:
                if busy and time.monotonic() > retry:
                    queue.extend(busy)
                    busy, retry = [], time.monotonic() + 1
                while queue and len(active) < jobs:
                    numbers = queue.popleft()
                    active[pool.schedule(_work, args=[numbers, [configs[number] for number in numbers], study])] = numbers
                if not active:
                    on_wait([configs[number] for numbers in busy for number in numbers])
                    time.sleep(0.25)
                done, _ = wait(list(active), timeout=0.25, return_when=FIRST_COMPLETED)
                for future in done:
                    numbers = active.pop(future)
                    error = future.exception()
                    if isinstance(error, Stopped):
                        # Somebody stopped this one process.
                        queue.append(numbers)
                        continue
                    if isinstance(error, ProcessExpired):
                        attempts[numbers] += 1
                        if attempts[numbers] < ATTEMPTS:
                            queue.append(numbers)
                        elif len(numbers) > 1:
                            queue.extend((number,) for number in numbers)
                        else:
                            reason = f"its process ended {ATTEMPTS} times (exit code {error.exitcode})"
                            failures.append(Failure(configs[numbers[0]], reason))
                        continue
                    outcomes = future.result()
                    if left := _settle(configs, numbers, outcomes, epochs, failures, on_result):
                        busy.append(left)
                on_progress(list(epochs))
        except BaseException as error:
            _let_save(active, processes)
            pool.stop()
            if isinstance(error, BrokenProcessPool) and not started.value:
                raise ValueError(
                    f"jobs={jobs} starts processes, and none could import the calling script: put what it does below "
                    "if __name__ == '__main__':, or pass jobs=1"
                ) from None
            raise
    return failures


def _let_save(active: Mapping[Any, object], processes: Sequence[int]) -> None:
    """Ask the workers to stop, and give them some seconds to save the epochs that are finished."""
    for process in {process for process in processes if process}:
        with suppress(OSError):
            os.kill(process, signal.SIGTERM)
    wait(list(active), timeout=PATIENCE)


def _settle(
    configs: Sequence[RunConfig],
    numbers: Sequence[int],
    outcomes: Sequence[Outcome],
    epochs: Any,
    failures: list[Failure],
    on_result: Callable[[RunConfig, dict[str, Any]], None],
) -> tuple[int, ...]:
    """Tell of the runs of a stack that are done or failed, and return those that another process has locked."""
    locked = []
    for number, outcome in zip(numbers, outcomes, strict=True):
        if isinstance(outcome, Locked):
            locked.append(number)
        elif isinstance(outcome, str):
            failures.append(Failure(configs[number], outcome))
        else:
            epochs[number] = configs[number].epochs_trained
            on_result(configs[number], outcome)
    return tuple(locked)


def end_if_imported_by_a_worker() -> None:
    """Exit if this is a worker of `run_pool` that imports a script which would start a study again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # The parent prints what is wrong.
        os._exit(1)


def _start_worker(epochs: Any, processes: Any, started: Any, checkpoint_seconds: float) -> None:
    global _epochs, _processes, _checkpoint_seconds
    _epochs, _processes, _checkpoint_seconds, started.value = epochs, processes, checkpoint_seconds, 1
    warn_in_lines()
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_epochs: Any = None
_processes: Any = {}
_checkpoint_seconds = 60.0


def _work(numbers: Sequence[int], configs: Sequence[RunConfig], study: Path) -> list[Outcome]:
    """In a worker: the outcomes of the runs of a stack."""

    def progress(place: int, done: int) -> None:
        _epochs[numbers[place]] = done

    def data(config: RunConfig) -> ImageData:
        import_code(config.code)
        return _open_data(study / INPUTS / config.data_digest)

    # An idle worker just ends when it is told to.
    with stoppable(), _at_work(numbers):
        return _attempt(configs, data, study, progress, _checkpoint_seconds)


@contextmanager
def _at_work(numbers: Sequence[int]) -> Iterator[None]:
    """Inside, the parent knows which process is at the runs."""
    try:
        for number in numbers:
            _processes[number] = os.getpid()
        yield
    finally:
        for number in numbers:
            _processes[number] = 0


def _attempt(
    configs: Sequence[RunConfig],
    data: Callable[[RunConfig], ImageData],
    study: Path,
    progress: Callable[[int, int], None],
    checkpoint_seconds: float,
) -> list[Outcome]:
    from noisylab.study.run import run_stack

    try:
        # Each run can have code of its own; the data are the same.
        images, *_ = [data(config) for config in configs]
        found = run_stack(configs, images, study, progress, checkpoint_seconds=checkpoint_seconds)
        return [_told(outcome) for outcome in found]
    except BaseException as error:
        if is_stop(error):
            raise
        return [_told(error)] * len(configs)


def _told(outcome: dict[str, Any] | BaseException) -> Outcome:
    """An outcome that can be sent to another process."""
    if not isinstance(outcome, BaseException):
        return outcome
    return Locked() if isinstance(outcome, RunLockedError) else reason_of(outcome)


@lru_cache(maxsize=4)
def _open_data(folder: Path) -> ImageData:
    return ImageData.open(folder)
