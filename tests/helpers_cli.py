"""The command as its users see it: a status, what is printed, and what is complained of."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from noisylab.cli import main
from noisylab.core.extras import EXTRAS

ROOT = Path(__file__).parents[1]

_WITHOUT = """
import contextlib, io, json, sys
from noisylab.cli import main

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

lacking, lines = json.load(sys.stdin)
sys.meta_path.insert(0, Lacking())
for args in lines:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(args)
        except SystemExit as end:
            status = end.code
    print(json.dumps([status or 0, out.getvalue(), err.getvalue()]))
"""


@dataclass(frozen=True)
class Answer:
    """How a command line ended."""

    status: int
    out: str
    err: str

    def refuses(self, named: str) -> bool:
        """Whether it ended as a mistake does: one line that names it, and status 2."""
        one_line = self.err.startswith("noisylab: error: ") and len(self.err.splitlines()) == 1
        return self.status == 2 and not self.out and one_line and named in self.err


def noisylab(capsys: pytest.CaptureFixture[str], *args: object) -> Answer:
    """What the command answers in this process."""
    capsys.readouterr()
    try:
        status = main([str(part) for part in args])
    except SystemExit as end:
        status = int(end.code or 0)
    return Answer(status, *capsys.readouterr())


def without(lacking: Iterable[str], command_lines: Sequence[Sequence[object]]) -> list[Answer]:
    """What the command answers to each line where some packages are not installed."""
    given = json.dumps([list(lacking), [[str(part) for part in line] for line in command_lines]])
    done = subprocess.run([sys.executable, "-c", _WITHOUT], input=given, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Answer(*json.loads(line)) for line in done.stdout.splitlines()]


def on_the_base_install(command_lines: Sequence[Sequence[object]]) -> list[Answer]:
    """What the command answers to each line where none of the extras is installed."""
    return without(EXTRAS, command_lines)
