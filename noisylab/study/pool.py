"""Many runs, in this process or by an engine. A run that fails, or whose process is killed, does not affect the others."""

import multiprocessing
import os
import platform
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from noisylab.core.interrupts import Stopped, is_stop
from noisylab.data.image_data import ImageData
from noisylab.study.code import import_code
from noisylab.study.engines.engine import Engine
from noisylab.study.failure import RunLockedError, reason_of
from noisylab.study.inputs import INPUTS
from noisylab.study.leftovers import CLIENT
from noisylab.study.locks import file_lock
from noisylab.study.progress import read_progress
from noisylab.study.run_config import RunConfig


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
    engine: Engine,
    *,
    on_result: Callable[[RunConfig, dict[str, Any]], None],
    on_progress: Callable[[list[int]], None],
    on_wait: Callable[[list[RunConfig]], None] = lambda _: None,
    checkpoint_seconds: float = 60.0,
) -> list[Failure]:
    """Execute all runs in the processes of an engine, and return those that failed. They read the data in the study
    (`study.inputs`).

    stacks: the numbers of the runs that are trained together (`stacks_of`); if a process dies too often, its runs go on one by
    one. on_result is called when a run is done (by this study or another process); on_progress a few times a second with the
    epochs done of every run. Waits for runs that another process is training. Raises EngineLostError if the engine is lost.
    """
    epochs, queue, failures = [0] * len(configs), deque(stacks), list[Failure]()
    attempts: Counter[tuple[int, ...]] = Counter()
    active: dict[Future[list[Outcome]], tuple[int, ...]] = {}
    busy: list[tuple[int, ...]] = []
    retry = look = 0.0
    with _client_file(study) as client:
        while queue or active or busy:
            if busy and time.monotonic() > retry:
                queue.extend(busy)
                busy, retry = [], time.monotonic() + 1
            # No more than can run: so they start in their order, and workers that come later get their share.
            places = engine.places()
            while queue and len(active) < places:
                numbers = queue.popleft()
                task = [configs[number] for number in numbers]
                active[engine.submit(_work, task, client, platform.node(), engine.wanted, checkpoint_seconds)] = numbers
            if not active:
                if busy and not queue:
                    on_wait([configs[number] for numbers in busy for number in numbers])
                time.sleep(0.25)
            wait(list(active), timeout=0.25, return_when=FIRST_COMPLETED)
            for future in [future for future in active if future.done()]:
                numbers = active.pop(future)
                error = _error(future)
                if isinstance(error, Stopped):
                    # Somebody stopped this one process.
                    queue.append(numbers)
                    continue
                if error is None:
                    outcomes = future.result()
                else:
                    how = engine.died(error)
                    if how is None:
                        outcomes = [f"{type(error).__name__}: {error}"] * len(numbers)
                    else:
                        attempts[numbers] += 1
                        if attempts[numbers] < engine.attempts:
                            queue.append(numbers)
                            continue
                        if len(numbers) > 1:
                            queue.extend((number,) for number in numbers)
                            continue
                        times = f" {engine.attempts} times" if engine.attempts > 1 else ""
                        outcomes = [f"its process ended{times} ({how})"]
                if left := _settle(configs, numbers, outcomes, epochs, failures, on_result):
                    busy.append(left)
            if time.monotonic() > look or not (queue or active or busy):
                start = time.monotonic()
                for number in chain(*active.values()):
                    epochs[number] = read_progress(study / configs[number].id).get("epoch", epochs[number])
                # Reading may take long on a folder that many hosts share.
                look = time.monotonic() + max(0.25, 10 * (time.monotonic() - start))
                on_progress(list(epochs))
    return failures


def _error(future: Future[list[Outcome]]) -> BaseException | None:
    """What a task raised, or why there is no answer; None if there is one."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


@contextmanager
def _client_file(study: Path) -> Iterator[Path]:
    """A file that shows a worker that it sees the study's folder, and not another one at the same path."""
    file = study.absolute() / INPUTS / f"{uuid.uuid4().hex}{CLIENT}"
    file.parent.mkdir(exist_ok=True)
    try:
        # The lock tells it from what a killed process left.
        with file_lock(file):
            yield file
    finally:
        file.unlink(missing_ok=True)


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
    """Exit if this is a worker of the engine `local` that imports a script which would start a study again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # The parent prints what is wrong.
        os._exit(1)


class _Unwanted(Stopped):
    """The study does not wait for this run any more. Like a signal, it leaves the finished epochs saved."""


def _work(
    configs: Sequence[RunConfig], client: Path, host: str, wanted: Callable[[], bool], checkpoint_seconds: float = 60.0
) -> list[Outcome]:
    """In a worker: the outcomes of the runs of a stack."""

    def progress(place: int, done: int) -> None:
        if done < configs[place].epochs_trained and not wanted():
            raise _Unwanted

    def data(config: RunConfig) -> ImageData:
        import_code(config.code)
        return _open_data(inputs / config.data_digest)

    here, inputs = platform.node(), client.parent
    if not client.is_file():
        return [f"host {here} does not see the folder {str(inputs.parent)!r} of the study; it must be shared"] * len(configs)
    try:
        outcomes = _attempt(configs, data, inputs.parent, progress, checkpoint_seconds)
    except _Unwanted:
        # No signal asked the process to stop.
        return ["the study does not wait for this run any more"] * len(configs)
    return [f"{each} (on {here})" if isinstance(each, str) and here != host else each for each in outcomes]


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
