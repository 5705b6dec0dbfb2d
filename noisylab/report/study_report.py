"""What a study shows: tables and figures of its finished runs, their paths, and what is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas
from rich.console import Console

from noisylab.analysis.comparisons import CONTRASTS, compare, primary_contrasts, usual_contrasts
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import is_share, summarise
from noisylab.core.files import cannot_write, write_atomically
from noisylab.core.foreign_text import for_csv, for_file_name
from noisylab.core.registries import FIGURES, METHODS
from noisylab.plotting.catalogue import draw_figure, why_not
from noisylab.plotting.study_runs import StudyRuns, hardest_noise
from noisylab.report.console import say
from noisylab.report.tables import (
    PLAIN,
    accuracy_table,
    contrasts_table,
    differences_table,
    points_table,
    power_lines,
    results_table,
)


def print_tables(
    results: pandas.DataFrame,
    primary: pandas.DataFrame,
    differences: pandas.DataFrame,
    *,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    names: DisplayNames = PLAIN,
    console: Console,
) -> None:
    """Print the first table, then the primary contrasts with their power, then the differences under each noise, if any.

    primary, differences: from `noisylab.analysis.comparisons.primary_contrasts` and `compare`, with the same `by`. columns: the
    measures of the first table; None: the usual ones for which the console has room.
    """
    results_table(results, by, columns, names, console.width).print(console)
    if len(primary):
        contrasts_table(primary, by, names).print(console)
        if is_share(primary["measure"].iloc[0]):
            say(console, "\n".join(power_lines(primary, by, names=names)), wrap=True)
    if len(differences):
        differences_table(differences, by, names).print(console)


def show(
    results: pandas.DataFrame,
    out: Path,
    *,
    baselines: Sequence[str],
    contrasts: Sequence[tuple[str, str]] = CONTRASTS,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    figures: Sequence[str] = (),
    tables: Sequence[Literal["terminal", "markdown", "latex"]] = ("terminal",),
    console: Console,
    failures: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    fewer: Sequence[str] = (),
) -> list[str]:
    """Print the tables of finished runs, write them and the figures to a folder, and print the paths.

    The tables are the measures, the primary contrasts with their power, and the differences under each noise. Writes
    summary.csv, contrasts.csv and differences.csv; with "markdown" and "latex" also as .md and .tex, with a column per noise.
    For a figure that has nothing to show, prints the reason.

    Args:
        results: Rows of `results.csv`, in the order of the tables.
        out: The study's folder; everything is written there.
        baselines: Methods (specs) that all others are compared with under each noise.
        contrasts: The primary contrasts, pairs of a method and its baseline (specs), pooled over the noisy settings. Those
            whose methods have no runs are left out; if all are, every method is compared with the first one.
        by: Settings in which the runs differ; their values are kept apart.
        columns: The measures of the first table, columns of `results.csv` (None: the usual ones).
        figures: Names or specs of figures.
        tables: The forms of the tables.
        console: Prints everything.
        failures: The reason of every failed run, by id.
        missing: The ids of unfinished runs.
        fewer: A line for every method under a noise that has fewer seeds than were planned.

    Returns:
        A line for every file that cannot be written, as on a full disk.

    Raises:
        ValueError: If the runs differ in a setting that is not in `by`, or a figure is unknown.

    Example:
        >>> from noisylab.report.study_report import show
        >>> show(study.results, folder, baselines=["ce"], figures=["memorisation"], console=Console())  # doctest: +SKIP
    """
    for run, reason in (failures or {}).items():
        say(console, f"failed: {run}: {reason}")
    if results.empty:
        say(console, "no run has finished, so there is nothing to show", wrap=True)
        return []
    asked, there = [METHODS.parse(method).label for method in baselines], set(results["method"])
    names = [name for name in asked if name in there]
    pairs = [(METHODS.parse(a).label, METHODS.parse(b).label) for a, b in contrasts]
    primary = primary_contrasts(results, usual_contrasts(results, pairs), by=by)
    differences = compare(results, baselines=names, by=by)
    if "terminal" in tables:
        print_tables(results, primary, differences, by=by, columns=columns, console=console)
    if fewer:
        say(console, "\nFewer seeds than planned:\n" + "\n".join(fewer))
    if differences.empty:
        say(console, f"no differences: no run of {', '.join(asked)} has finished beside one of another method", wrap=True)
    kept = {"summary": summarise(results, by, columns), "contrasts": primary, "differences": differences}
    contents = {f"{name}.csv": for_csv(table) for name, table in kept.items()}
    shown = {
        "summary": accuracy_table(results, by=by),
        "contrasts": contrasts_table(primary, by),
        "differences": points_table(results, names, by=by),
    }
    study_name = for_file_name(out.resolve().name)
    for name, table in shown.items():
        if table.rows:
            contents |= {f"{name}.md": table.markdown()} if "markdown" in tables else {}
            contents |= {f"{name}.tex": table.latex(f"tab:{study_name}-{name}")} if "latex" in tables else {}
    paths = [out / "results.csv"]
    unwritten: list[str] = []
    for name, content in contents.items():
        try:
            write_atomically(out / name, content)
            paths.append(out / name)
        except OSError as error:
            unwritten.append(cannot_write(out / name, error))
    runs = StudyRuns(results, out, hardest_noise(results))
    for figure in figures:
        stem = FIGURES.parse(figure).name
        # A figure's numbers must not replace the table of its name.
        file = f"{stem}_figure" if f"{stem}.csv" in contents else stem
        try:
            paths += draw_figure(figure, runs).save(out / file)[:-1]
        except OSError as error:
            unwritten.append(cannot_write(out / file, error))
        except Exception as error:  # a figure that fails costs itself only
            say(console, f"no figure {stem}: {why_not(error)}")
    say(console, "\nOne row per run, tables and figures:\n" + "\n".join(map(str, paths)))
    if missing:
        say(console, "\nNot run, and not in the tables and figures:\n" + "\n".join(missing))
    return unwritten
