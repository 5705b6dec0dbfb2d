"""The engine `dask`: the workers of a Dask cluster that is running."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from noisylab.core.files import expanded
from noisylab.core.registries import ENGINES
from noisylab.study.engines.engine import Engine, EngineLostError

T = TypeVar("T")
# They log, with tracebacks, what is raised here in one line.
LOGGERS = [logging.getLogger(name) for name in ("distributed.client", "distributed.core", "tornado.application")]


def _is_news(record: logging.LogRecord) -> bool:
    return record.name != "distributed.client" and "CommClosedError" not in record.getMessage()


@ENGINES.register("dask", main="address", remote=True)
class Dask(Engine):
    """The workers of a running Dask scheduler: its address, tcp://HOST:PORT, or the file that it wrote (--scheduler-file)."""

    # Dask itself hands a task out again if its worker dies.
    attempts = 1

    def __init__(self, address: str) -> None:
        from distributed import Client

        self._address = address
        place = address if "://" in address else expanded(address)
        if not isinstance(place, str) and not place.is_file():
            raise ValueError(f"engine dask: {address!r} is no address such as tcp://HOST:PORT, and no file of a scheduler")
        with self._reaching():
            where = {"address": place} if isinstance(place, str) else {"scheduler_file": str(place)}
            self._client = Client(**where, timeout=5, set_as_default=False)
        for logger in LOGGERS:
            logger.addFilter(_is_news)
        self._executor = self._client.get_executor(pure=False)
        self._places, self._asked = 0, float("-inf")

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EngineLostError(f"no Dask scheduler answers at {self._address}") from error

    def places(self) -> int:
        """The number of workers, asked for once a second. Raises ValueError if one has several threads."""
        if time.monotonic() - self._asked > 1:
            with self._reaching():
                threads = self._client.nthreads()
            for worker, number in threads.items():
                # Torch's settings belong to a process: two runs in one would disturb each other.
                if number > 1:
                    raise ValueError(f"engine dask: worker {worker} has {number} threads; start workers with --nthreads 1")
            self._places, self._asked = len(threads), time.monotonic()
        return self._places

    def submit(self, function: Callable[..., T], /, *args: Any) -> Future[T]:
        """Call a function in a worker."""
        future: Future[T] = self._executor.submit(function, *args)
        return future

    def died(self, error: BaseException) -> str | None:
        """How many workers were lost with the task. Raises EngineLostError if it was the scheduler."""
        from distributed.scheduler import KilledWorker

        if isinstance(error, CancelledError):
            raise EngineLostError(f"the Dask scheduler at {self._address} is gone") from error
        if not isinstance(error, KilledWorker):
            return None
        return f"with {error.allowed_failures + 1} Dask workers, the last at {error.last_worker.address}"

    def close(self) -> None:
        """Leave the cluster; it goes on for others."""
        self._client.close(timeout=5)
        for logger in LOGGERS:
            logger.removeFilter(_is_news)

    @staticmethod
    def wanted() -> bool:
        """Whether the scheduler and the client are there that asked for this task: a thread cannot be stopped from outside."""
        from distributed import get_worker

        worker = get_worker()
        task = worker.state.tasks.get(worker.get_current_task())
        return task is not None and task.state != "cancelled" and worker.status.name in ("running", "paused")
