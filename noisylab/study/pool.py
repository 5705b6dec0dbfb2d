"""Many runs over the cores: a run that fails, or whose process is killed, takes no other one with it."""

import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from noisylab.data.image_data import ImageData
from noisylab.study.run_folder import RunConfig

# A run whose process dies is started this often; it goes on from its checkpoint.
ATTEMPTS = 3


@dataclass(frozen=True)
class Failure:
    """A run that did not finish, and why."""

    config: RunConfig
    reason: str


@dataclass(frozen=True)
class Elsewhere:
    """Said by a worker: another process is at this run."""


def run_all(
    configs: Sequence[RunConfig],
    data_folder: Path,
    study: Path,
    jobs: int,
    *,
    on_result: Callable[[RunConfig, dict[str, Any]], None],
    on_progress: Callable[[list[int]], None],
) -> list[Failure]:
    """Execute all runs in `jobs` processes, and return those that failed.

    data_folder: where `ImageData.save` wrote the data. on_result is called when a run is done (by this process or another one);
    on_progress a few times a second with the epochs done of every run. Runs that another process is at are waited for.
    """
    context = multiprocessing.get_context("spawn")
    # Written by the workers without a lock: a killed one can leave none behind.
    epochs = context.RawArray("l", len(configs))
    queue, attempts, failures = deque(range(len(configs))), [0] * len(configs), []
    active: dict[Any, int] = {}
    busy: list[int] = []
    retry = 0.0
    with ProcessPool(jobs, initializer=_start_worker, initargs=[epochs], context=context) as pool:
        try:
            while queue or active or busy:
                if busy and time.monotonic() > retry:
                    queue.extend(busy)
                    busy, retry = [], time.monotonic() + 1
                while queue and len(active) < jobs:
                    position = queue.popleft()
                    attempts[position] += 1
                    active[pool.schedule(_work, args=[position, configs[position], data_folder, study])] = position
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
                    if isinstance(outcome, Elsewhere):
                        attempts[position] -= 1
                        busy.append(position)
                    elif isinstance(outcome, str):
                        failures.append(Failure(config, outcome))
                    else:
                        epochs[position] = config.training.epochs
                        on_result(config, outcome)
                on_progress(list(epochs))
        except BaseException:
            pool.stop()
            raise
    return failures


def _start_worker(epochs: Any) -> None:
    global _epochs
    _epochs = epochs
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_epochs: Any = None


def _work(position: int, config: RunConfig, data_folder: Path, study: Path) -> dict[str, Any] | str | Elsewhere:
    """In a worker: the run's result, or what went wrong, as text."""
    from noisylab.study.run import ElsewhereError, execute

    def progress(done: int) -> None:
        _epochs[position] = done

    try:
        return execute(config, _open_data(data_folder), study, progress)
    except ElsewhereError:
        return Elsewhere()
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})"  # noqa: PTH119


@lru_cache(maxsize=1)
def _open_data(folder: Path) -> ImageData:
    return ImageData.open(folder)
