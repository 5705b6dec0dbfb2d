"""How the command ends: with a message of one line and an exit status."""

import io
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from noisylab.core.foreign_text import one_line
from noisylab.core.system import is_rank_zero, torchrun_processes


def fail(message: object, *, all_ranks: bool = False, status: int = 2) -> NoReturn:
    """Print an error message of one line, and exit with a status.

    Under torchrun only rank 0 prints, unless the error may have happened on this rank only (`all_ranks`).
    """
    if is_rank_zero() or all_ranks:
        print(f"noisylab: error: {one_line(message)}", file=sys.stderr)
    else:
        # torchrun ends all processes when the first one ends, and that must be the one that prints.
        time.sleep(30)
    raise SystemExit(status)


def interruptible(main: Callable[[], int], advice: str) -> int:
    """Return the exit status of `main`. After an interrupt, print a line with `advice` and return 128 + the signal's number.

    If nobody reads the output any more (`... | head`), return 141 silently, like other programs. On SIGTERM, end the worker
    processes and exit with status 143.
    """
    # A terminal of another encoding shows the escapes of what it lacks.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Under torchrun, a process that waits for others would never handle the signal, so it must end at once.
    if torchrun_processes() == 1:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # It may have been another pipe, to a worker process.
        if not _reader_is_gone():
            raise
        # Otherwise flushing the buffer would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        # A closed terminal takes no more lines.
        with suppress(OSError):
            print(f"interrupted{by}; {advice}", flush=True)
        return 128 + number


def _reader_is_gone() -> bool:
    """Whether the output is a pipe that nobody reads any more."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
    except (AttributeError, OSError):
        # Windows has no `poll`, and captured output has no file descriptor.
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
