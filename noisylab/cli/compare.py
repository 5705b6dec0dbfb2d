"""Print the paired differences between the methods of a study, with 95 % intervals and Holm-corrected p-values.

Example: noisylab compare runs/noise_sweep --baselines ce repeat
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import tyro

from noisylab.cli.arguments import parse_command_line, settings_of
from noisylab.core.files import check_folder, check_output_file, make_output, write_atomically
from noisylab.study.grid import Grid, check_name
from noisylab.training.config import TrainConfig

_SETTINGS = {field.name for kind in (Grid, TrainConfig) for field in fields(kind)} - {
    *("methods", "noise", "noise_seed", "seeds", "data_root", "training", "over")
}


@dataclass(frozen=True)
class Arguments:
    """The study, and the methods to compare."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    baselines: tuple[str, ...] = ()
    """Methods that all others are compared with, as the tables name them (none: the first one, and repeat)."""
    measure: Literal["test_accuracy_last", "test_accuracy_last10", "memorised"] = "test_accuracy_last"
    """The column of results.csv to compare."""
    by: tuple[str, ...] = ()
    """Settings in which the runs differ; their values are kept apart."""
    where: tuple[str, ...] = ()
    """Settings of the runs to compare, KEY=VALUE each (none: all runs)."""
    out: Path | None = None
    """CSV file for the differences (None: they are only printed)."""


def main(args: Sequence[str]) -> int:
    """Print the summary of a study and its differences."""
    arguments = parse_command_line(Arguments, "compare", __doc__, args)
    check_folder(arguments.runs)
    for name in arguments.by:
        check_name(name, _SETTINGS)
    where = settings_of(arguments.where)
    if arguments.out is not None:
        check_output_file(arguments.out)
    from rich.console import Console

    from noisylab.analysis.tables import compare, summarise
    from noisylab.plotting.study_runs import study_runs
    from noisylab.report.tables import differences_table, results_table
    from noisylab.study.study_file import first_method

    by = arguments.by
    results = study_runs(arguments.runs, where=where).results
    known = list(dict.fromkeys(results["method"]))
    usual = dict.fromkeys([first_method(arguments.runs, known), *(name for name in known if name == "repeat")])
    baselines = arguments.baselines or tuple(usual)
    differences = compare(results, arguments.measure, baselines, by)
    console = Console()
    results_table(summarise(results, by), by).print(console)
    if len(differences):
        differences_table(differences, by).print(console)
    if arguments.out is not None:
        make_output(arguments.out.absolute().parent)
        write_atomically(arguments.out, differences.to_csv(index=False))
        print(f"the differences: {arguments.out}")
    return 0
