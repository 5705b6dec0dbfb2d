"""Many runs on this machine. A run that fails, or whose process is killed, does not affect the others."""

import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from noisylab.core.warning_lines import warn_in_lines
from noisylab.data.image_data import ImageData
from noisylab.study.code import import_code
from noisylab.study.inputs import INPUTS
from noisylab.study.run_config import RunConfig

# How often a run is started if its process dies; it continues from its checkpoint.
ATTEMPTS = 3


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


def run_here(
    configs: Sequence[RunConfig],
    data: Callable[[RunConfig], ImageData],
    study: Path,
    *,
    on_result: Callable[[RunConfig, dict[str, Any]], None],
    on_progress: Callable[[list[int]], None],
) -> list[Failure]:
    """Execute all runs in this process, one after the other; otherwise like `run_pool`."""
    epochs, failures, queue, locked = [0] * len(configs), [], deque(range(len(configs))), 0
    while queue:
        position = queue.popleft()
        config = configs[position]

        def progress(done: int, position: int = position) -> None:
            epochs[position] = done
            on_progress(epochs)

        outcome = _attempt(config, data, study, progress)
        if isinstance(outcome, Locked):
            queue.append(position)
            locked += 1
            # All remaining runs are locked: wait.
            if locked >= len(queue):
                time.sleep(0.5)
            continue
        locked = 0
        if isinstance(outcome, str):
            failures.append(Failure(config, outcome))
        else:
            progress(config.epochs_trained)
            on_result(config, outcome)
    return failures


def run_pool(
    configs: Sequence[RunConfig],
    study: Path,
    jobs: int,
    *,
    on_result: Callable[[RunConfig, dict[str, Any]], None],
    on_progress: Callable[[list[int]], None],
) -> list[Failure]:
    """Execute all runs in `jobs` processes, and return those that failed. The data is read from the study (`study.inputs`).

    on_result is called when a run is done (by this process or another one); on_progress a few times a second with the epochs
    done of every run. Waits for runs that another process is training. Raises ValueError if the calling script needs
    `if __name__ == "__main__":`, because the processes import it.
    """
    context = multiprocessing.get_context("spawn")
    # The workers write without a lock, so that a killed one cannot leave a lock behind.
    epochs, started = context.RawArray("l", len(configs)), context.RawValue("b", 0)
    queue, attempts, failures = deque(range(len(configs))), [0] * len(configs), []
    active: dict[Any, int] = {}
    busy: list[int] = []
    retry = 0.0
    with ProcessPool(jobs, initializer=_start_worker, initargs=[epochs, started], context=context) as pool:
        try:
            while queue or active or busy:
                if busy and time.monotonic() > retry:
                    queue.extend(busy)
                    busy, retry = [], time.monotonic() + 1
                while queue and len(active) < jobs:
                    position = queue.popleft()
                    attempts[position] += 1
                    active[pool.schedule(_work, args=[position, configs[position], study])] = position
                if not active:
                    time.sleep(0.25)
                done, _ = wait(list(active), timeout=0.25, return_when=FIRST_COMPLETED)
                for future in done:
                    position = active.pop(future)
                    config = configs[position]
                    try:
                        outcome = future.result()
                    except ProcessExpired as error:
                        if attempts[position] < ATTEMPTS:
                            queue.append(position)
                        else:
                            failures.append(Failure(config, f"its process ended {ATTEMPTS} times (exit code {error.exitcode})"))
                        continue
                    if isinstance(outcome, Locked):
                        attempts[position] -= 1
                        busy.append(position)
                    elif isinstance(outcome, str):
                        failures.append(Failure(config, outcome))
                    else:
                        epochs[position] = config.epochs_trained
                        on_result(config, outcome)
                on_progress(list(epochs))
        except BaseException as error:
            pool.stop()
            if isinstance(error, BrokenProcessPool) and not started.value:
                raise ValueError(
                    f"jobs={jobs} starts processes, and none could import the calling script: put what it does below "
                    "if __name__ == '__main__':, or pass jobs=1"
                ) from None
            raise
    return failures


def end_if_imported_by_a_worker() -> None:
    """Exit if this is a worker of `run_pool` that imports a script which would start a study again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # The parent prints what is wrong.
        os._exit(1)


def _start_worker(epochs: Any, started: Any) -> None:
    global _epochs
    _epochs, started.value = epochs, 1
    warn_in_lines()
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_epochs: Any = None


def _work(position: int, config: RunConfig, study: Path) -> dict[str, Any] | str | Locked:
    """In a worker: the run's result, or the error as text."""

    def progress(done: int) -> None:
        _epochs[position] = done

    def data(config: RunConfig) -> ImageData:
        import_code(config.code)
        return _open_data(study / INPUTS / config.data_digest)

    return _attempt(config, data, study, progress)


def _attempt(
    config: RunConfig, data: Callable[[RunConfig], ImageData], study: Path, progress: Callable[[int], None]
) -> dict[str, Any] | str | Locked:
    from noisylab.study.run import RunLockedError, run_one
    from noisylab.training.loop import DivergedError

    try:
        return run_one(config, data(config), study, progress)
    except RunLockedError:
        return Locked()
    except DivergedError as error:
        return str(error)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})"  # noqa: PTH119


@lru_cache(maxsize=4)
def _open_data(folder: Path) -> ImageData:
    return ImageData.open(folder)
