"""Say which runs of a study are done, running where, failed, begun or planned, and how long the rest takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.files import check_folder
from noisylab.core.lines import counted, duration


@dataclass(frozen=True)
class Arguments:
    """The study."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""


def main(args: Sequence[str]) -> int:
    """Count the runs in each state, and name those that are not done and not merely planned."""
    arguments = parse_command_line(Arguments, "status", __doc__, args)
    check_folder(arguments.runs)
    from noisylab.api import open_study
    from noisylab.study.states import STATES, seconds_left

    runs = open_study(arguments.runs).status()
    if runs.empty:
        raise ValueError(f"no sweep has planned runs in {str(arguments.runs)!r}")
    counts = {state: count for state in STATES if (count := int((runs["state"] == state).sum()))}
    print(f"{', '.join(f'{count:,} {state}' for state, count in counts.items())}, of {counted(len(runs), 'run')}")
    if set(counts) == {"done"}:
        return 0
    left = seconds_left(arguments.runs, runs.to_dict("records"))
    # A stack of runs is one process, and a run counts with its share of the stack's time.
    at_work = runs.loc[runs["state"] == "running", "where"].nunique()
    if left:
        each = left / max(1, at_work)
        said = f"about {duration(each)}" if round(each) else "less than a second"
        print(f"{said} of training left" + (f" in {counted(at_work, 'process', 'processes')}" if at_work else ""))

    from noisylab.report.console import Terminal, say
    from noisylab.report.tables import states_table

    console = Terminal()
    states_table(runs).print(console)
    for state in ("running", "failed", "begun"):
        rows = runs[runs["state"] == state].to_dict("records")
        if not rows:
            continue
        lines = ["", f"{state}:"]
        for row in rows:
            epochs = f"epoch {row['epoch']:,} of {row['epochs']:,}" if row["epochs"] else ""
            more = ", ".join(filter(None, [row["where"], epochs, row["reason"]]))
            lines.append(f"{row['id']}{': ' if more else ''}{more}")
        say(console, "\n".join(lines))
    return 0
