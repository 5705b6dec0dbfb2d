"""Compare the methods of a study: primary contrasts pooled over the noisy settings, then differences under each noise.

Both are paired by seed, with 95 % intervals and Holm-corrected p-values.

Examples: noisylab compare runs/noise_sweep --baselines ce repeat --columns test_accuracy_last test_nll

noisylab compare runs/noise_sweep --format tex --out paper

Another choice beside it: noisylab compare runs/noise_sweep --measure memorised --format tex --out paper --name memorised
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import tyro

from noisylab.analysis.display_names import labels_of
from noisylab.cli.arguments import parse_command_line, settings_of
from noisylab.core.files import check_folder, check_output, check_stem, make_output
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
    methods: tuple[str, ...] = ()
    """The methods to show, as the tables name them, in this order (none: all); p-values stay those of the whole study."""
    measure: str = "test_accuracy_last"
    """The column of results.csv to compare; it is the first one of the first table."""
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
    name: str | None = None
    """Beginning of the names of the files and of their labels in LaTeX, so that several choices stand side by side: with
    `--name x`, x-summary.tex has tab:x-summary (None: summary.tex has tab:STUDY-summary, and the next call replaces it)."""
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
    pairs = [split_contrast(text) for text in arguments.contrasts]
    for option in ("format", "name"):
        if (value := getattr(arguments, option)) and arguments.out is None:
            given = value if option == "name" else " ".join(value)
            raise ValueError(f"--{option} {given} needs a folder for the files; add --out FOLDER")
    if arguments.name is not None:
        check_stem("--name", arguments.name)
    if arguments.out is not None:
        if (suffix := arguments.out.suffix[1:]) in get_args(Format):
            advice = f"--out {arguments.out.parent} --format {suffix}"
            raise ValueError(f"--out is the folder of the tables, got {str(arguments.out)!r}; write {advice}")
        check_output(arguments.out)

    from noisylab.analysis.comparisons import compare, primary_contrasts, usual_pairs
    from noisylab.plotting.study_runs import study_runs
    from noisylab.report.console import Terminal, say
    from noisylab.report.study_report import print_tables
    from noisylab.report.table_files import write_tables

    by, measure = arguments.by, arguments.measure
    runs = study_runs(arguments.runs, methods=arguments.methods, where=where, labels=labels)
    results, tested, names = runs.ordered, runs.tested, runs.names
    shown: dict[str, Any] = {"by": by, "methods": runs.methods}
    asked = [(runs.method_named(method), runs.method_named(baseline)) for method, baseline in pairs]
    baselines = [runs.method_named(name) for name in arguments.baselines]
    primary = primary_contrasts(tested, asked or runs.contrasts, measure, **shown)
    compared = None if baselines else usual_pairs(tested, runs.contrasts)
    comparisons = compare(tested, measure, baselines, contrasts=compared, **shown)
    written: dict[str, Any] = {"by": by, "columns": arguments.columns or None, "measure": measure, "names": names}
    console = Terminal()
    print_tables(results, primary, comparisons, **written, console=console)
    if runs.coverage:
        say(console, f"the study is unfinished: the tables are of {runs.coverage}")
    if arguments.out is not None:
        make_output(arguments.out)
        files, unwritten = write_tables(
            arguments.out,
            results,
            primary,
            comparisons,
            study=arguments.runs.resolve().name,
            name=arguments.name,
            formats=arguments.format or get_args(Format),
            tested=tested,
            coverage=runs.coverage,
            **written,
        )
        say(console, "\n".join(["\nTables:", *map(str, files), *unwritten]))
        return 1 if unwritten else 0
    return 0
