"""`failure.json`: a run that went wrong by itself, which is an outcome too and is not tried again unasked."""

import json
import os
import traceback
from pathlib import Path
from typing import Any

from noisylab.core.files import write_atomically
from noisylab.core.foreign_text import one_line
from noisylab.core.interrupts import is_stop
from noisylab.study.run_config import FORMAT
from noisylab.study.run_folder import FAILURE

# What the machine did, or files that are not there: another try may succeed.
OF_THE_MACHINE = (OSError, ImportError, MemoryError)


class RunLockedError(RuntimeError):
    """Another process holds the lock of this run."""


def is_of_the_run(error: BaseException) -> bool:
    """Whether the run itself went wrong: it diverged, lacked device memory, or its method raised something."""
    from noisylab.data.image_files import UnreadableError

    return not (is_stop(error) or isinstance(error, (RunLockedError, UnreadableError, *OF_THE_MACHINE)))


def reason_of(error: BaseException) -> str:
    """Why a run failed, in one line."""
    from noisylab.training.loop import DivergedError

    if isinstance(error, DivergedError):
        return one_line(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""  # noqa: PTH119
    return one_line(f"{type(error).__name__}: {error}{place}")


def write_failure(folder: Path, error: BaseException, epochs: int) -> None:
    """Write `failure.json`: the reason, the traceback, and how many epochs were finished."""
    held = {
        "format": FORMAT,
        "id": folder.name,
        "reason": reason_of(error),
        "epochs": epochs,
        "traceback": "".join(traceback.format_exception(error)),
    }
    write_atomically(folder / FAILURE, json.dumps(held, indent=2) + "\n")


def read_failure(folder: Path) -> dict[str, Any] | None:
    """What `write_failure` wrote of this run in this format; None if there is nothing that can be read."""
    try:
        held = json.loads((folder / FAILURE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    fits = isinstance(held, dict) and held.get("format") == FORMAT and held.get("id") == folder.name
    return held if fits and isinstance(held.get("reason"), str) else None
