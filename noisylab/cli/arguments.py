"""What the command lines share: parsing into dataclasses, errors in one line, what can be named in a spec. Free of torch."""

import contextlib
import io
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import tyro

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.core.system import speaks, torchrun_processes

Arguments = TypeVar("Arguments")


def parse_command_line(arguments: type[Arguments], description: str, args: Sequence[str] | None = None) -> Arguments:
    """The command line as an instance of a dataclass; what it cannot be is said in one line, with exit status 2."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(arguments, description=description, args=args, config=(tyro.conf.OmitArgPrefixes,))
    except SystemExit as end:
        if end.code:
            fail(_one_line(said.getvalue()))
        raise


def fail(message: object, *, here_alone: bool = False) -> NoReturn:
    """Say what is wrong in one line, and end with exit status 2.

    Of several processes the main one says it, unless it is known `here_alone`.
    """
    if speaks() or here_alone:
        print(f"{Path(sys.argv[0]).name}: error: {' '.join(str(message).split())}", file=sys.stderr)
    else:
        # torchrun ends all processes with the first one that ends, which has to be the one that speaks.
        time.sleep(30)
    raise SystemExit(2)


def interruptible(main: Callable[[], int], advice: str = "the same command again finishes what is missing") -> int:
    """The exit status of `main`; an interrupt is said in one line with advice, with status 130.

    Where nobody reads the output any more (`... | head`), the process ends in silence with status 141, as other programs do.
    So it does with status 143 where it is asked to terminate, after it has ended the processes that work for it.
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


def describe_specs() -> str:
    """Everything that a spec can name, with its options and defaults."""
    lines = ["Specs are written name, name:value or name(key=literal, ...). What can be named:"]
    for registry, title in (
        (DATA_SETS, "data sets"),
        (NOISES, "noise"),
        (METHODS, "methods"),
        (MODELS, "models"),
        (AUGMENTATIONS, "augmentations"),
    ):
        lines.append(f"\n{title}:")
        for entry in registry.entries().values():
            short = f", short {entry.name}:{entry.main.upper()}" if entry.main else ""
            lines.append(f"  {entry.signature()}{short}\n      {entry.summary}")
    return "\n".join(lines)


def _one_line(panel: str) -> str:
    """Tyro's boxed message without the box, its advice on --help and the help of the argument."""
    lines = [re.sub(r"^[│┃|]\s?|\s*[│┃|]$", "", line).rstrip() for line in panel.splitlines()]
    body = [line for line in lines if line and not line.startswith(("╭", "╰"))]
    message: list[str] = []
    for line in body:
        if line.startswith(("─", "━")):
            break
        message.append(line.strip())
    meant = [line.split()[0] for line in body if line.strip().startswith("--")]
    text = re.sub(r"^Error parsing ((?!-)[^:]*: )?", "", " ".join(message))
    suggestion = f" (did you mean {meant[0].strip()}?)" if "Unrecognized" in text and meant else ""
    return text + suggestion
