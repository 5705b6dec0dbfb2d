"""Warnings of a command and of its worker processes: each in one line, once."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from noisylab.core.foreign_text import one_line


def warn_in_lines() -> None:
    """From now on, a warning of this process is one line, `noisylab: warning: ...`, and the same words are said once.

    Which warnings are shown at all is left to the filters of `warnings`.
    """
    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        line = f"noisylab: warning: {one_line(message)}"
        # Python counts by place and forgets its counts whenever a filter changes, so the words are what is compared.
        if line not in said and sys.stderr is not None:
            said.add(line)
            print(line, file=sys.stderr)

    warnings.showwarning = show


@contextmanager
def warnings_in_lines() -> Iterator[None]:
    """`warn_in_lines` for a block."""
    with warnings.catch_warnings():
        warn_in_lines()
        yield
