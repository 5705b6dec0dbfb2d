"""Locks on files, which hold on every machine that shares the folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


def file_lock(path: Path, timeout: float = -1) -> FileLock:
    """A lock that its process loses when it ends, however it ends.

    Acquiring it raises OSError if the file system has no such locks, rather than to make do with the presence of a file, which
    a killed process leaves behind.
    """
    return FileLock(path, timeout=timeout, fallback_to_soft=False)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    if not path.is_file():
        return False
    try:
        with file_lock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        # A folder that cannot be written to has no process at work.
        return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, and wait for it. Raises ValueError if the file cannot be locked."""
    lock = file_lock(path)
    try:
        lock.acquire()
    except OSError as error:
        raise ValueError(
            f"{str(path)!r} cannot be locked: {error.strerror}; noisylab doctor {path.parent} says what this folder lacks"
        ) from None
    try:
        yield
    finally:
        lock.release()
