"""`progress.json`: which process is at a run, and how far it is."""

import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from noisylab.study.locks import is_held

PROGRESS = "progress.json"
LOCK = ".lock"
# Seconds between two notes.
APART = 1.0


class Notes:
    """Notes of a run's progress in its folder, at most one a second; a note that cannot be written is left out.

    The first epochs are noted at once, since a run that goes on has some as soon as it starts.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        self._file, self._epochs, self._noted = folder / PROGRESS, epochs, 0.0

    def note(self, done: int) -> None:
        """Note that so many epochs are done."""
        now = time.monotonic()
        if self._noted and now - self._noted < APART:
            return
        self._noted = now if done else 0.0
        held = {
            "host": platform.node(),
            "process": os.getpid(),
            "epoch": done,
            "epochs": self._epochs,
            "time": time.time(),
        }
        temporary = self._file.with_name(f".{PROGRESS}.{os.getpid()}.partial")
        with suppress(OSError):
            temporary.write_text(json.dumps(held))
            temporary.replace(self._file)


def forget_progress(folder: Path) -> None:
    """Remove the note: nobody is at the run any more."""
    with suppress(OSError):
        (folder / PROGRESS).unlink(missing_ok=True)


def read_progress(folder: Path) -> dict[str, Any]:
    """The last note: host, process, epoch, epochs, time; empty if there is none."""
    try:
        held = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) and {"host", "process", "epoch", "epochs", "time"} <= held.keys() else {}


def is_locked(folder: Path) -> bool:
    """Whether a process is at the run."""
    return is_held(folder / LOCK)


def holders(folders: list[Path]) -> str:
    """Who is at some runs: `process 123 on HOST`; empty if nobody noted it."""
    notes = [read_progress(folder) for folder in folders]
    return ", ".join(dict.fromkeys(f"process {note['process']} on {note['host']}" for note in notes if note))
