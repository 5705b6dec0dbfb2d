"""List the training methods: name, source, what is trained, defaults. With a name: that method and the bounds of its options.

For instance: python -m noisylab.cli.methods dlb
"""

import re
import sys
from dataclasses import dataclass

import tyro

from noisylab.cli.arguments import fail, interruptible, parse_command_line
from noisylab.core.checks import expected
from noisylab.core.registries import METHODS
from noisylab.core.signatures import REQUIRED, Entry


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    name: tyro.conf.Positional[str | None] = None
    """The method to describe (None: all are listed)."""


def main() -> int:
    """Run the command line."""
    assert __doc__
    arguments = parse_command_line(Arguments, __doc__)
    if arguments.name is None:
        print("\n".join(listing()))
        return 0
    entries = METHODS.entries()
    if arguments.name not in entries:
        try:
            METHODS.parse(arguments.name)
        except ValueError as error:
            fail(error)
        fail(f"{arguments.name!r} sets options; give the name alone")
    print(describe(entries[arguments.name]))
    return 0


def listing() -> list[str]:
    """A line for each method, in columns."""
    rows = [
        (entry.name, _source(entry), _loss(entry), entry.signature().removeprefix(entry.name).strip("()"))
        for entry in METHODS.entries().values()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows]


def describe(entry: Entry) -> str:
    """What is known of one method: its documentation, and each option with its default and bounds."""
    lines = [entry.signature(), "", entry.documentation]
    if entry.options:
        lines.append("\noptions:")
    width = max((len(key) for key in entry.options), default=0)
    for key, option in entry.options.items():
        default = "" if option.default is REQUIRED else f" (default: {option.default!r})"
        lines.append(f"  {key.ljust(width)}  {expected(option.annotation)}{default}")
    return "\n".join(lines)


def _loss(entry: Entry) -> str:
    """The first line of the documentation without the source."""
    return entry.summary.removesuffix(".").removesuffix(f"({_source(entry)})").strip()


def _source(entry: Entry) -> str:
    """What stands in parentheses at the end of the first line."""
    found = re.search(r"\(((?:[^()]|\([^()]*\))*)\)\.?$", entry.summary)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(interruptible(main))
