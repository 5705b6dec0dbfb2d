"""Compare the methods of a study: primary contrasts pooled over the noisy settings, then differences under each noise.

Both are paired by seed, with 95 % intervals and Holm-corrected p-values.

Examples:
noisylab compare runs/noise_sweep --baselines ce repeat --columns test_accuracy_last test_nll
noisylab compare runs/noise_sweep --format tex --out paper
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import tyro

from noisylab.analysis.display_names import labels_of
from noisylab.cli.arguments import parse_command_line, settings_of
from noisylab.core.files import check_folder, check_output, make_output
from noisylab.core.specs import split_contrast
from noisylab.study.grid import Grid, check_name
from noisylab.training.config import TrainConfig

_SETTINGS = {field.name for kind in (Grid, TrainConfig) for field in fields(kind)} - {
    *("methods", "noise", "noise_seed", "seeds", "data_root", "training", "over")
}

Format = Literal["csv", "md", "tex"]


@dataclass(frozen=True)
class Arguments:
    """The study, and the methods to compare."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    baselines: tuple[str, ...] = ()
    """Methods that all others are compared with under each noise, as the tables name them (none: CE and repeat, if run)."""
    contrasts: tuple[str, ...] = ()
    """Primary contrasts, "METHOD - BASELINE" each (none: those of the named study that was run, or the usual ones)."""
    measure: str = "test_accuracy_last"
    """The column of results.csv to compare."""
    columns: tuple[str, ...] = ()
    """Measures of the first table, columns of results.csv (none: the usual ones for which the terminal has room)."""
    by: tuple[str, ...] = ()
    """Settings in which the runs differ; their values are kept apart."""
    where: tuple[str, ...] = ()
    """Settings of the runs to compare, KEY=VALUE each (none: all runs)."""
    label: tuple[str, ...] = ()
    """Names for the tables, "SPEC=TEXT" each, as "dlb(alpha=3)=DLB, strong"; repeatable (none: the known ones)."""
    out: Path | None = None
    """Folder for the tables as files: summary, contrasts and comparisons (None: they are only printed)."""
    format: tuple[Format, ...] = ()
    """Formats of the files in --out: csv, md (Markdown), tex (LaTeX with booktabs and siunitx) (none: all three)."""


def main(args: Sequence[str]) -> int:
    """Print the summary of a study and its differences."""
    arguments = parse_command_line(Arguments, "compare", __doc__, args)
    check_folder(arguments.runs)
    for name in arguments.by:
        check_name(name, _SETTINGS)
    where = settings_of(arguments.where)
    labels = labels_of(arguments.label)
    pairs = [split_contrast(text) for text in arguments.contrasts] or None
    if arguments.format and arguments.out is None:
        raise ValueError(f"--format {' '.join(arguments.format)} needs a folder for the files; add --out FOLDER")
    if arguments.out is not None:
        if (suffix := arguments.out.suffix[1:]) in get_args(Format):
            advice = f"--out {arguments.out.parent} --format {suffix}"
            raise ValueError(f"--out is the folder of the tables, got {str(arguments.out)!r}; write {advice}")
        check_output(arguments.out)

    from noisylab.analysis.comparisons import compare, primary_contrasts, usual_pairs
    from noisylab.analysis.display_names import display_names
    from noisylab.plotting.study_runs import study_runs
    from noisylab.report.console import Terminal, say
    from noisylab.report.study_report import print_tables
    from noisylab.report.table_files import write_tables

    by = arguments.by
    runs = study_runs(arguments.runs, where=where)
    results, names = runs.results, display_names(labels, runs.results)
    primary = primary_contrasts(results, pairs or runs.contrasts, arguments.measure, by)
    compared = None if arguments.baselines else usual_pairs(results, runs.contrasts)
    comparisons = compare(results, arguments.measure, arguments.baselines, by, contrasts=compared)
    columns, console = arguments.columns or None, Terminal()
    print_tables(results, primary, comparisons, by=by, columns=columns, names=names, console=console)
    if runs.coverage:
        say(console, f"the study is unfinished: the tables are of {runs.coverage}")
    if arguments.out is not None:
        make_output(arguments.out)
        written, unwritten = write_tables(
            arguments.out,
            results,
            primary,
            comparisons,
            study=arguments.runs.resolve().name,
            formats=arguments.format or get_args(Format),
            measure=arguments.measure,
            by=by,
            columns=columns,
            names=names,
        )
        say(console, "\n".join(["\nTables:", *map(str, written), *unwritten]))
        return 1 if unwritten else 0
    return 0
