"""The tables of a study as files: CSV, Markdown and LaTeX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas

from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import summarise
from noisylab.core.files import cannot_write, write_atomically
from noisylab.core.foreign_text import for_csv, for_file_name
from noisylab.report.comparison_tables import contrasts_table, points_table
from noisylab.report.tables import accuracy_table, results_table
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
    formats: Sequence[Format] = ("csv", "md", "tex"),
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    names: DisplayNames = PLAIN,
) -> tuple[list[Path], list[str]]:
    """Write the summary, the primary contrasts and the comparisons under each noise.

    Args:
        out: A folder that exists.
        results: Rows of `results.csv`, in the order of the tables.
        contrasts: From `noisylab.analysis.comparisons.primary_contrasts`, with the same `measure` and `by`.
        comparisons: From `noisylab.analysis.comparisons.compare`, likewise.
        study: Name of the study, for the labels in LaTeX: `tab:STUDY-summary`.
        formats: CSV has all numbers unrounded. Markdown and LaTeX have the tables of a paper: a row per method and a column per
            noise.
        measure: What is summarised and compared in Markdown and LaTeX.
        by: Settings whose values are kept apart.
        columns: Measures of the summary, a row per noise and method in all formats. None: the usual ones, and `measure` alone
            in Markdown and LaTeX.
        names: What methods and noises are called.

    Returns:
        The paths of the files, and a line for each that cannot be written, as on a full disk. A table without rows is written
        as CSV alone.
    """
    contents: dict[str, str] = {}
    if "csv" in formats:
        numbers = dict(zip(TABLES, (summarise(results, by, columns), contrasts, comparisons), strict=True))
        contents |= {f"{name}.csv": for_csv(table) for name, table in numbers.items()}
    if {"md", "tex"} & set(formats):
        first = results_table(results, by, columns, names) if columns else accuracy_table(results, measure, by, names)
        pairs = list(dict.fromkeys(zip(comparisons["method"], comparisons["baseline"], strict=True)))
        last = points_table(results, measure=measure, by=by, names=names, pairs=pairs)
        shown = dict(zip(TABLES, (first, contrasts_table(contrasts, by, names), last), strict=True))
        for name, table in shown.items():
            if table.rows and "md" in formats:
                contents[f"{name}.md"] = table.markdown()
            if table.rows and "tex" in formats:
                contents[f"{name}.tex"] = table.latex(f"tab:{for_file_name(study)}-{name}")
    written, unwritten = list[Path](), list[str]()
    for name, content in contents.items():
        try:
            write_atomically(out / name, content)
            written.append(out / name)
        except OSError as error:
            unwritten.append(cannot_write(out / name, error))
    return written, unwritten
