"""What the server of worker processes imports (`workers.py`)."""

import gc
import multiprocessing
import signal
import sys
import traceback
from pathlib import Path
from types import TracebackType

from noisylab.core.system import without_collections

# An interrupt is for the parent; without this, one during the imports ends in a traceback.
signal.signal(signal.SIGINT, signal.SIG_IGN)
with without_collections():
    import noisylab.study.run
    import noisylab.study.trained_network  # noqa: F401

# A collection in a worker would write to all the memory that it shares with the server.
gc.freeze()


def _say(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Print a traceback, unless it is that of a process whose parent ended while it started: there is nothing left to do."""
    frames = traceback.extract_tb(where)
    starting = bool(frames) and Path(frames[-1].filename).parent == Path(multiprocessing.__file__).parent
    if not (starting and isinstance(error, (FileNotFoundError, EOFError, ConnectionError))):
        sys.__excepthook__(kind, error, where)


sys.excepthook = _say
