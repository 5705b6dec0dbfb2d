"""What a study shows: tables and figures of its finished runs, their paths, and what is missing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
from rich.console import Console

from noisylab.analysis.comparisons import CONTRASTS, compare, primary_contrasts, usual_contrasts, usual_pairs
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import is_share
from noisylab.core.files import cannot_write, write_atomically
from noisylab.core.foreign_text import for_csv
from noisylab.core.registries import FIGURES, METHODS
from noisylab.plotting.catalogue import draw_figure, why_not
from noisylab.plotting.study_runs import StudyRuns, hardest_noise
from noisylab.report.analysis_table import analysis_table
from noisylab.report.comparison_tables import contrasts_table, differences_table, nothing_pooled, power_lines
from noisylab.report.console import say
from noisylab.report.kept_figures import keep, kept_files, source_of
from noisylab.report.table_files import TABLES, Format, write_tables
from noisylab.report.tables import results_table
from noisylab.report.wording import PLAIN


def print_tables(
    results: pandas.DataFrame,
    primary: pandas.DataFrame,
    differences: pandas.DataFrame,
    *,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    measure: str | None = None,
    names: DisplayNames = PLAIN,
    console: Console,
) -> None:
    """Print the first table, then the primary contrasts with their power, then the differences under each noise, if any.

    primary, differences: from `noisylab.analysis.comparisons.primary_contrasts` and `compare`, with the same `by`. columns: the
    measures of the first table; None: `measure`, and the usual ones for which the console has room.
    """
    results_table(results, by, columns, names, console.width, measure).print(console)
    if primary.empty:
        say(console, f"\n{nothing_pooled(results, differences, names)}", wrap=True)
    else:
        contrasts_table(primary, by, names).print(console)
        if is_share(primary["measure"].iloc[0]) and (power := power_lines(primary, by, names=names)):
            say(console, "\n".join(power), wrap=True)
    if len(differences):
        differences_table(differences, by, names).print(console)


def show(
    results: pandas.DataFrame,
    out: Path,
    *,
    contrasts: Sequence[tuple[str, str]] = CONTRASTS,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    figures: Sequence[str] = (),
    formats: Sequence[Format] = ("csv",),
    analyses: Mapping[str, Callable[..., pandas.DataFrame]] | None = None,
    console: Console,
    failures: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    fewer: Sequence[str] = (),
) -> list[str]:
    """Print the tables of finished runs, write them and the figures to a folder, and print the paths.

    The tables are the measures, the primary contrasts with their power, and the comparisons under each noise, which
    `noisylab.report.table_files.write_tables` writes. For a figure that has nothing to show, prints the reason.

    Args:
        results: Rows of `results.csv`, in the order of the tables.
        out: The study's folder; everything is written there.
        contrasts: The primary contrasts, pairs of a method and its baseline (specs), pooled over the noisy settings. Those
            whose methods have no runs are left out; if all are, every method is compared with the first one.
        by: Settings in which the runs differ; their values are kept apart.
        columns: The measures of the first table, columns of `results.csv` (None: the usual ones).
        figures: Names or specs of figures.
        formats: The formats of the tables.
        analyses: Further tables by name, functions of `results` and `by`; each is printed and written as CSV.
        console: Prints everything.
        failures: The reason of every failed run, by id.
        missing: The ids of unfinished runs.
        fewer: A line for every method under a noise that has fewer seeds than were planned.

    Returns:
        A line for every file that cannot be written, as on a full disk.

    Raises:
        ValueError: If the runs differ in a setting that is not in `by`, or a figure is unknown.

    Example:
        >>> from noisylab.report.console import Terminal
        >>> from noisylab.report.study_report import show
        >>> show(study.results, folder, figures=["memorisation"], console=Terminal())  # doctest: +SKIP
    """
    for run, reason in (failures or {}).items():
        say(console, f"failed: {run}: {reason}")
    if results.empty:
        say(console, "no run has finished, so there is nothing to show", wrap=True)
        return []
    pairs = [(METHODS.parse(a).label, METHODS.parse(b).label) for a, b in contrasts]
    primary = primary_contrasts(results, usual_contrasts(results, pairs), by=by)
    differences = compare(results, by=by, contrasts=usual_pairs(results, pairs))
    print_tables(results, primary, differences, by=by, columns=columns, console=console)
    if fewer:
        say(console, "\nFewer seeds than planned:\n" + "\n".join(fewer))
    shown: dict[str, Any] = {"study": out.resolve().name, "formats": formats, "by": by, "columns": columns}
    written, unwritten = write_tables(out, results, primary, differences, **shown)
    for name, analyse in (analyses or {}).items():
        try:
            analysed = analyse(results, by=by)
        except ValueError as error:  # an unfinished study may lack what it needs
            say(console, f"no {name.replace('_', ' ')}: {error}", wrap=True)
            continue
        analysis_table(name, analysed).print(console)
        try:
            write_atomically(out / f"{name}.csv", for_csv(analysed))
            written.append(out / f"{name}.csv")
        except OSError as error:
            unwritten.append(cannot_write(out / f"{name}.csv", error))
    runs = StudyRuns(results, out, hardest_noise(results))
    source = source_of(runs) if figures else None
    for figure in figures:
        stem = FIGURES.parse(figure).name
        try:
            if stem in TABLES:
                raise ValueError(f"its numbers would replace the table {stem}.csv; register it with another name")
            files = kept_files(out, figure, source)
            if not files:
                drawn = draw_figure(figure, runs)
                try:
                    files = drawn.save(out / stem)
                    keep(out, figure, source, files)
                except OSError as error:
                    unwritten.append(cannot_write(out / stem, error))
            written += files[:-1]
        except Exception as error:  # a figure that fails costs itself only
            say(console, f"no figure {stem}: {why_not(error)}")
    paths = [path for path in (out / "results.csv", *written) if path.is_file()]
    say(console, "\nOne row per run, tables and figures:\n" + "\n".join(map(str, paths)))
    if missing:
        say(console, "\nNot run, and not in the tables and figures:\n" + "\n".join(missing))
    return unwritten
