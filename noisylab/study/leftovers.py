"""What killed processes left in a study's folder: never results."""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from noisylab.study.inputs import INPUTS
from noisylab.study.locks import is_held
from noisylab.study.progress import LOCK, PROGRESS, is_locked

# The ending of a file that a process which hands out runs holds locked.
CLIENT = ".client"
# A temporary file lives for moments, a folder of data as long as it takes to write.
MOMENTS, WRITING = 60.0, 3600.0


def leftovers(study: Path) -> Iterator[Path]:
    """Temporary files and folders that no process writes any more, and notes of processes that are gone."""
    for path in [*study.glob(".*.partial"), *(study / INPUTS).glob("*.partial")]:
        if _age(path) > (WRITING if path.is_dir() else MOMENTS):
            yield path
    yield from (path for path in (study / INPUTS).glob(f"*{CLIENT}") if _age(path) > MOMENTS and not is_held(path))
    for lock in [*study.glob(f"*/{LOCK}"), *study.glob(f".teachers/*/{LOCK}")]:
        folder = lock.parent
        found = [*folder.glob(".*.partial"), *folder.glob("*/**/*.partial"), folder / PROGRESS]
        if any(path.exists() for path in found) and not is_locked(folder):
            yield from (path for path in found if path.exists())


def remove_leftovers(study: Path) -> list[Path]:
    """Remove leftovers, and return what was removed."""
    removed = []
    for path in leftovers(study):
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _age(path: Path) -> float:
    """Seconds since a file was written; a clock that was set back makes nothing old."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
