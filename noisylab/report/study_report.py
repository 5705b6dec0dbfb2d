"""What a study shows: tables and figures of its finished runs, their paths, and what is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas
from rich.console import Console

from noisylab.analysis.tables import compare, summarise
from noisylab.core.files import write_atomically
from noisylab.core.registries import FIGURES, METHODS
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.study_runs import StudyRuns, hardest_noise
from noisylab.report.tables import accuracy_table, differences_table, points_table, results_table


def show(
    results: pandas.DataFrame,
    out: Path,
    *,
    baselines: Sequence[str],
    by: Sequence[str] = (),
    figures: Sequence[str] = (),
    tables: Sequence[Literal["terminal", "markdown", "latex"]] = ("terminal",),
    console: Console,
    failures: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
) -> None:
    """Print the tables of finished runs, write them and the figures to a folder, and print the paths.

    Writes summary.csv and differences.csv; with "markdown" and "latex" also as .md and .tex, with a column per noise. For a
    figure that has nothing to show, prints the reason.

    Args:
        results: Rows of `results.csv`, in the order of the tables.
        out: The study's folder; everything is written there.
        baselines: Methods (specs) that all others are compared with.
        by: Settings in which the runs differ; their values are kept apart.
        figures: Names or specs of figures.
        tables: The forms of the tables.
        console: Prints everything.
        failures: The reason of every failed run, by id.
        missing: The ids of unfinished runs.

    Raises:
        ValueError: If the runs differ in a setting that is not in `by`, or a figure is unknown.

    Example:
        >>> from noisylab.report.study_report import show
        >>> show(study.results, folder, baselines=["ce"], figures=["memorisation"], console=Console())  # doctest: +SKIP
    """
    for run, reason in (failures or {}).items():
        console.print(f"failed: {run}: {reason}", markup=False, highlight=False, soft_wrap=True)
    if results.empty:
        console.print("no run has finished, so there is nothing to show")
        return
    asked, there = [METHODS.parse(method).label for method in baselines], set(results["method"])
    names = [name for name in asked if name in there]
    summary, differences = summarise(results, by), compare(results, baselines=names, by=by)
    if "terminal" in tables:
        results_table(summary, by).print(console)
        if len(differences):
            differences_table(differences, by).print(console)
    if differences.empty:
        console.print(
            f"no differences: no run of {', '.join(asked)} has finished beside one of another method", highlight=False
        )
    contents = {"summary.csv": summary.to_csv(index=False), "differences.csv": differences.to_csv(index=False)}
    for name, table in {"summary": accuracy_table(results, by=by), "differences": points_table(results, names, by=by)}.items():
        if table.rows:
            contents |= {f"{name}.md": table.markdown()} if "markdown" in tables else {}
            contents |= {f"{name}.tex": table.latex()} if "latex" in tables else {}
    paths = [out / "results.csv"]
    for name, content in contents.items():
        write_atomically(out / name, content)
        paths.append(out / name)
    runs = StudyRuns(results, out, hardest_noise(results))
    for figure in figures:
        stem = FIGURES.parse(figure).name
        try:
            paths += draw_figure(figure, runs).save(out / stem)[:-1]
        except ValueError as reason:
            console.print(f"no figure {stem}: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"one row per run, tables and figures: {', '.join(map(str, paths))}", soft_wrap=True, highlight=False)
    if missing:
        console.print(f"not run, and not in the tables and figures: {', '.join(missing)}", soft_wrap=True, highlight=False)
