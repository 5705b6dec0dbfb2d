"""The base class of all engines."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class EngineLostError(ConnectionError):
    """The engine cannot be reached any more. What has finished is kept, and the same study can be started again."""


class Engine:
    """Hands the tasks of a study to processes. A task trains one run, or a few as a stack.

    Derive a class and register it with `@ENGINES.register("name")`, with `remote=True` if the processes are on other machines.
    They need the study's folder, at the same path.

    attempts: how often a task is submitted if the process that has it dies; it goes on from its checkpoint.
    """

    attempts: int = 1

    def places(self) -> int:
        """The number of tasks that can run at once, now. Raises EngineLostError if the engine is lost."""
        raise NotImplementedError

    def submit(self, function: Callable[..., T], /, *args: Any) -> Future[T]:
        """Call a function in one of the processes. Function, arguments and result can be pickled."""
        raise NotImplementedError

    def died(self, error: BaseException) -> str | None:
        """How the process of a task died, if that is what the error of its future says; None for an error of the task.

        Raises EngineLostError, or ValueError, if the error says that no further task can run.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End the tasks that have not finished, once they have saved what they have, and let go of the processes."""
        raise NotImplementedError

    @staticmethod
    def wanted() -> bool:
        """Asked in a task's process after each epoch: whether the study still waits for the task."""
        return True
