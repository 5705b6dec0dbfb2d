"""Locks on files, which hold on every machine that shares the folder."""

from pathlib import Path

from filelock import FileLock


def file_lock(path: Path, timeout: float = -1) -> FileLock:
    """A lock that its process loses when it ends, however it ends.

    Acquiring it raises OSError if the file system has no such locks, rather than to make do with the presence of a file, which
    a killed process leaves behind.
    """
    return FileLock(path, timeout=timeout, fallback_to_soft=False)
