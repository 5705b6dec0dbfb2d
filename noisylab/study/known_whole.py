"""Which runs of a study were found whole, so that their files are not read again before one of them changes."""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from noisylab.core.files import write_atomically
from noisylab.study.read_once import SETTLED, Stamp

FILE = ".whole.json"
# Raise it if `noisylab.study.verify.damages` finds more than before: what was known is then forgotten.
CHECK = 1


def read_known(out: Path) -> dict[str, str]:
    """The stamp of each run of a study that was found whole, by id; none if the file is missing or damaged."""
    with suppress(OSError, ValueError, RecursionError):
        held = json.loads((out / FILE).read_bytes())
        if isinstance(held, dict) and held.get("check") == CHECK and isinstance(held.get("runs"), dict):
            runs: dict[str, str] = held["runs"]
            return runs
    return {}


def write_known(out: Path, known: Mapping[str, str]) -> None:
    """Keep the stamps of runs. Without the file, or if it cannot be written, runs are read again."""
    with suppress(OSError):
        write_atomically(out / FILE, json.dumps({"check": CHECK, "runs": dict(known)}))


def forget(out: Path) -> None:
    """Let the next sweep read every file of the study's runs, because one was found damaged."""
    with suppress(OSError):
        (out / FILE).unlink()


def stamp_of(folder: Path) -> str | None:
    """A digest of the names, numbers, sizes and times of change of all files of a run.

    None if a file cannot be looked at, or has just changed: a further change would leave the digest as it is.
    """
    try:
        stamps = dict(sorted(_stamps(str(folder), "")))
    except OSError:
        return None
    if time.time_ns() - max((stamp.changed for stamp in stamps.values()), default=0) <= SETTLED:
        return None
    return hashlib.sha256(repr([(name, *stamp) for name, stamp in stamps.items()]).encode()).hexdigest()


def _stamps(folder: str, within: str) -> Iterator[tuple[str, Stamp]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _stamps(entry.path, f"{within}{entry.name}/")
            elif entry.name != ".lock":
                yield f"{within}{entry.name}", Stamp.of(os.stat(entry.path))  # noqa: PTH116 - quicker, for thousands of runs
