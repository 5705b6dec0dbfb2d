"""The tables of a study as files: CSV, Markdown and LaTeX."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas

from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import summarise
from noisylab.core.files import cannot_write, check_stem, write_atomically
from noisylab.core.foreign_text import for_csv, for_file_name
from noisylab.report.comparison_tables import contrasts_table, points_table
from noisylab.report.tables import accuracy_table, results_table, usual_measures
from noisylab.report.wording import PLAIN

Format = Literal["csv", "md", "tex"]

# The tables, by the name of their files. No figure may have one of these names, because its numbers would replace the table.
TABLES = ("summary", "contrasts", "comparisons")


def write_tables(
    out: Path,
    results: pandas.DataFrame,
    contrasts: pandas.DataFrame,
    comparisons: pandas.DataFrame,
    *,
    study: str,
    name: str | None = None,
    formats: Sequence[Format] = ("csv", "md", "tex"),
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    names: DisplayNames = PLAIN,
    tested: pandas.DataFrame | None = None,
    coverage: str = "",
) -> tuple[list[Path], list[str]]:
    """Write the summary, the primary contrasts and the comparisons under each noise.

    Args:
        out: A folder that exists.
        results: Rows of `results.csv`, in the order of the tables.
        contrasts: From `noisylab.analysis.comparisons.primary_contrasts`, with the same `measure` and `by`.
        comparisons: From `noisylab.analysis.comparisons.compare`, likewise.
        study: Name of the study, for the labels in LaTeX: `tab:STUDY-summary`.
        name: What these tables are called, so that others of the study can stand beside them: the files are `NAME-summary.tex`
            and so on, the labels `tab:NAME-summary`. None: `summary.tex`, and labels with the study's name.
        formats: CSV has all numbers unrounded. Markdown and LaTeX have the tables of a paper: a row per method and a column per
            noise.
        measure: What is summarised and compared.
        by: Settings whose values are kept apart.
        columns: Measures of the summary, a row per noise and method in all formats. None: the usual ones, and `measure` alone
            in Markdown and LaTeX.
        names: What methods and noises are called.
        tested: The runs among which the best method is tested (None: the results).
        coverage: How many runs of an unfinished study are in, which the captions say.

    Returns:
        The paths of the files, and a line for each that cannot be written, as on a full disk. A table without rows is written
        as CSV alone.

    Raises:
        ValueError: If `name` is not the stem of a file.
    """
    before = "" if name is None else f"{check_stem('name', name)}-"
    label = before or f"{for_file_name(study)}-"
    contents: dict[str, str] = {}
    if "csv" in formats:
        summary = summarise(results, by, usual_measures(results, measure) if columns is None else columns)
        numbers = dict(zip(TABLES, (summary, contrasts, comparisons), strict=True))
        contents |= {f"{before}{table}.csv": for_csv(held) for table, held in numbers.items()}
    if {"md", "tex"} & set(formats):
        first = accuracy_table(results, measure, by, names, tested)
        if columns:
            first = results_table(results, by, columns, names)
        last = points_table(results, measure=measure, by=by, names=names, differences=comparisons)
        shown = dict(zip(TABLES, (first, contrasts_table(contrasts, by, names, results), last), strict=True))
        for each, table in shown.items():
            unfinished = f". The study is unfinished: {coverage}" if coverage else ""
            whole = replace(table, caption=f"{table.caption}{unfinished}")
            if whole.rows and "md" in formats:
                contents[f"{before}{each}.md"] = whole.markdown()
            if whole.rows and "tex" in formats:
                contents[f"{before}{each}.tex"] = whole.latex(f"tab:{label}{each}")
    written, unwritten = list[Path](), list[str]()
    for file, content in contents.items():
        try:
            write_atomically(out / file, content)
            written.append(out / file)
        except OSError as error:
            unwritten.append(cannot_write(out / file, error))
    return written, unwritten
