"""The runs of a study with their settings and results, as a table that the page sorts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas

from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import SETTINGS, differing_settings, is_share
from noisylab.report.table import Column
from noisylab.report.wording import column_name

MEASURED = ("test_accuracy_last", "test_accuracy_peak", "memorised", "images_processed", "updates", "seconds")


@dataclass(frozen=True)
class RunsTable:
    """A row per run, and what all runs have alike. A cell is its text and the number by which it is sorted, if it is one."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[tuple[str, float | None], ...], ...]
    alike: tuple[tuple[str, str], ...]


def runs_table(results: pandas.DataFrame, names: DisplayNames) -> RunsTable:
    """The table of runs: what varies, the settings in which they differ, and the results.

    results: rows of `results.csv`.

    Example:
        >>> from noisylab.report.runs_table import runs_table
        >>> runs_table(study.results, study.names).columns[0].name  # doctest: +SKIP
        'method'
    """
    differing = list(differing_settings(results))
    varied = ["method", "noise", "realised_rate", "seed", "noise_seed"]
    shown = [name for name in (*varied, *differing, *MEASURED) if name in results and results[name].notna().any()]
    rows = tuple(tuple(_cell(name, row, names) for name in shown) for row in results.to_dict("records"))
    first = results.iloc[0].to_dict()
    same = [name for name in SETTINGS if name in results and name not in differing]
    alike = [(name.replace("_", " "), _cell(name, first, names)[0]) for name in same]
    heads = (column_name(name) if name in MEASURED[:3] else name.replace("_", " ") for name in shown)
    text = [all(row[place][1] is None for row in rows) for place in range(len(shown))]
    columns = tuple(Column(head, text=words) for head, words in zip(heads, text, strict=True))
    return RunsTable(columns, rows, tuple((name, text) for name, text in alike if text not in ("", "-")))


def _cell(name: str, row: Mapping[Any, Any], names: DisplayNames) -> tuple[str, float | None]:
    value = row[name]
    if name in ("method", "noise", "data"):
        return getattr(names, name)(str(value)), None
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = "-" if value is None else str(value)
        return (names.data(text) if "/" in text else text), None
    if math.isnan(value):
        return "-", None
    if is_share(name) or name == "realised_rate":
        return f"{100 * value:.1f} %", float(value)
    if name == "seconds":
        return f"{value:.1f}", float(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}", float(value)
