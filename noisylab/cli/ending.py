"""How the command ends: with a line and a status, whatever happened."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from noisylab.core.system import is_rank_zero, torchrun_processes


def fail(message: object, *, all_ranks: bool = False) -> NoReturn:
    """Print what is wrong in one line, and exit with status 2.

    Under torchrun only rank 0 prints, unless `all_ranks` says that the error may have happened on this rank alone.
    """
    if is_rank_zero() or all_ranks:
        print(f"noisylab: error: {' '.join(str(message).split())}", file=sys.stderr)
    else:
        # torchrun ends all processes with the first one that ends, which has to be the one that prints.
        time.sleep(30)
    raise SystemExit(2)


def interruptible(main: Callable[[], int], advice: str) -> int:
    """Return the exit status of `main`. After an interrupt, print a line with `advice` and return 130.

    If nobody reads the output any more (`... | head`), return 141 in silence, as other programs do. If the process is asked to
    terminate, end with status 143, after the processes that work for it have ended.
    """
    # A process that waits for others of torchrun's would not come to it, and has to end at once.
    if torchrun_processes() == 1:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # It may have been another pipe, of a process that worked for this one.
        if not _reader_is_gone():
            raise
        # What is left in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print(f"interrupted; {advice}")
        return 130


def _reader_is_gone() -> bool:
    """Whether the output goes to a pipe that nobody reads any more."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
    except (AttributeError, OSError):
        # No such call on Windows, and no such number of a captured output.
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
