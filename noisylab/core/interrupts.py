"""Signals that ask a process to stop: what is at work keeps what is finished, and says so."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, a scheduler's end, a closed terminal, and what Slurm can send before its limit.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name))

_told_apart = False


class Stopped(KeyboardInterrupt):
    """A signal asked this process to stop."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.number = number


def is_stop(error: BaseException) -> bool:
    """Whether an exception means that this process is to stop, and not that the code which raised it went wrong.

    While `stoppable` is at work, a KeyboardInterrupt that no signal made is one of the code.
    """
    return isinstance(error, Stopped) or (isinstance(error, KeyboardInterrupt) and not _told_apart)


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, the signals raise `Stopped` in the main thread; one that is ignored (`nohup`) stays so.

    In another thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _stop)
    was = _told_apart
    _tell_apart(True)
    try:
        yield
    finally:
        _tell_apart(was)
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_apart(value: bool) -> None:
    global _told_apart
    _told_apart = value


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)
