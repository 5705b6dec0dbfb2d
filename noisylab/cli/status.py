"""Say which runs of a study are done, which have failed or begun, and which are planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.files import check_folder
from noisylab.core.lines import counted


@dataclass(frozen=True)
class Arguments:
    """The study."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""


def main(args: Sequence[str]) -> int:
    """Count the runs in each state, and name those that have failed or begun."""
    arguments = parse_command_line(Arguments, "status", __doc__, args)
    check_folder(arguments.runs)
    from noisylab.api import open_study

    runs = open_study(arguments.runs).status()
    if runs.empty:
        raise ValueError(f"no sweep has planned runs in {str(arguments.runs)!r}")
    counts = runs["state"].value_counts(sort=False)
    print(f"{', '.join(f'{count:,} {state}' for state, count in counts.items())}, of {counted(len(runs), 'run')}")
    if set(counts.index) == {"done"}:
        return 0
    from rich.console import Console

    from noisylab.report.tables import states_table

    states_table(runs).print(Console())
    for state in ("failed", "begun"):
        if names := runs["id"][runs["state"] == state].to_list():
            print("\n".join(["", f"{state}:", *names]))
    return 0
