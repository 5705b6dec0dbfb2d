"""Say which runs of a study are done, which have begun, and which are planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.files import check_folder


@dataclass(frozen=True)
class Arguments:
    """The study."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""


def main(args: Sequence[str]) -> int:
    """Count the runs in each state, and name those that are not done."""
    arguments = parse_command_line(Arguments, "status", __doc__, args)
    check_folder(arguments.runs)
    from noisylab.api import open_study

    runs = open_study(arguments.runs).status()
    if runs.empty:
        raise ValueError(f"no sweep has planned runs in {str(arguments.runs)!r}")
    counts = runs["state"].value_counts(sort=False)
    print(", ".join(f"{count} {state}" for state, count in counts.items()) + f", of {len(runs)} runs")
    for row in runs[runs["state"] != "done"].to_dict("records"):
        print(f"{row['state']}: {row['id']}")
    return 0
