"""`progress.json`: the process that is at a run, and how many epochs it has done."""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from noisylab.core.files import write_atomically

PROGRESS = "progress.json"
# A file system that many hosts share has better things to do.
SECONDS = 0.25


class ProgressFile:
    """Writes `progress.json` of the run in `folder` while it trains, at most four times a second."""

    def __init__(self, folder: Path) -> None:
        self._path, self._written = folder / PROGRESS, float("-inf")

    def write(self, epoch: int) -> None:
        """Say that so many epochs are done."""
        if time.monotonic() - self._written >= SECONDS:
            held = {"host": platform.node(), "process": os.getpid(), "epoch": epoch}
            write_atomically(self._path, json.dumps(held) + "\n", durable=False)
            self._written = time.monotonic()

    def remove(self) -> None:
        """To be called when the run is over."""
        self._path.unlink(missing_ok=True)


def read_progress(folder: Path) -> dict[str, Any] | None:
    """{"host", "process", "epoch"} of the process that is at the run in `folder`, or was when it was killed; else None."""
    try:
        held = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        return {"host": str(held["host"]), "process": int(held["process"]), "epoch": int(held["epoch"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
