"""`read_once`: what was read from a run's files is known until one of them changes."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

Reader = Callable[[Path], dict[str, Any] | None]

# Two changes within the resolution of a clock, in ns, cannot be told apart, so a file that has just changed is read again.
SETTLED = 2_000_000_000


class Stamp(NamedTuple):
    """What tells a changed file: its number, its size, and when it was last changed (ns)."""

    number: int
    size: int
    changed: int

    @classmethod
    def of(cls, held: os.stat_result) -> "Stamp":
        """The stamp of a file by what the system says of it."""
        return cls(held.st_ino, held.st_size, max(held.st_mtime_ns, held.st_ctime_ns))


def read_once(*names: str) -> Callable[[Reader], Reader]:
    """Decorator of a function that reads the files `names` in a folder: it reads them again only if one has changed.

    A study asks for the result of each run several times, and holds thousands. None is not kept.
    """

    def add(read: Reader) -> Reader:
        known: dict[Path, tuple[dict[str, Stamp], dict[str, Any]]] = {}

        @wraps(read)
        def reading(folder: Path) -> dict[str, Any] | None:
            stamps, held = _stamps(folder, names), known.get(folder)
            if held is not None and held[0] == stamps:
                return dict(held[1])
            found = read(folder)
            if found is None:
                known.pop(folder, None)
            elif time.time_ns() - max((stamp.changed for stamp in stamps.values()), default=0) > SETTLED:
                known[folder] = stamps, found
            return None if found is None else dict(found)

        return reading

    return add


def _stamps(folder: Path, names: Iterable[str]) -> dict[str, Stamp]:
    """The stamps of those of the files that are there."""
    found = {}
    for name in names:
        with suppress(OSError):
            found[name] = Stamp.of(os.stat(f"{folder}/{name}"))  # noqa: PTH116 - quicker, for thousands of runs
    return found
