"""The finished runs of a study as one table, in one order: `results.csv`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.core.files import write_atomically
from noisylab.core.foreign_text import for_csv
from noisylab.study.run_folder import RESULT, read_result
from noisylab.study.study_file import planned_runs

if TYPE_CHECKING:
    import pandas


def collect(study: Path) -> "pandas.DataFrame":
    """The finished runs of a study folder, one row each, in the order of `in_order`."""
    results = [result for path in sorted(study.glob(f"*/{RESULT}")) if (result := read_result(path.parent)) is not None]
    return in_order(as_table(results), [run["id"] for run in planned_runs(study)])


def in_order(results: "pandas.DataFrame", planned: Sequence[str]) -> "pandas.DataFrame":
    """The rows in the order of all tables and figures.

    Noises in the order in which they were planned, under each the methods in theirs, then the values of other settings in
    theirs, then seeds. What was never planned comes last, by name and value.

    planned: the ids of the planned runs.
    """
    from noisylab.analysis.tables import SETTINGS

    if results.empty:
        return results
    places = {run: place for place, run in enumerate(dict.fromkeys(planned))}
    differing = [name for name in results if name in SETTINGS and results[name].astype(str).nunique() > 1]
    place = results["id"].map(places).fillna(math.inf)
    setting = results[differing].astype(str).agg(" ".join, axis=1) if differing else results["noise"]
    keys = {
        f"place_of_{name}": place.groupby(values).transform("min")
        for name, values in {"noise": results["noise"], "method": results["method"], "setting": setting}.items()
    }
    noise, method, last = keys
    order = [noise, "noise_kind", "nominal_rate", "noise", method, "method", last, *differing, "seed", "noise_seed", "id"]
    return results.assign(**keys).sort_values(order, ignore_index=True).drop(columns=list(keys))


def as_table(results: Sequence[Mapping[str, Any]]) -> "pandas.DataFrame":
    """Results of runs as a table, in which different data sets, or noises from different files, have different names.

    Files with equal content have one name, wherever they are, and files with equal names and other content get the beginning of
    its digest: `folder:x #3fa28c`.
    """
    import pandas

    table = pandas.DataFrame(results)
    # The same file has another digest on another part of the data.
    for label, source, parts in (
        ("data", "data_source", ["train_size", "test_size"]),
        ("noise", "noise_source", ["data_source"]),
    ):
        if source not in table:
            continue
        known = table[source].fillna("") != ""
        for name in (label, *(["noise_kind"] if label == "noise" else [])):
            table.loc[known, name] = table[known].groupby([*parts, source])[name].transform("first")
        sources = table[known].groupby([*parts, label])[source].transform("nunique")
        several = sources[sources > 1].index
        table.loc[several, label] += " #" + table.loc[several, source].str[:6]
    return table


def write_results(study: Path) -> "pandas.DataFrame":
    """Write `results.csv` for all finished runs of a study folder, and return it."""
    table = collect(study)
    write_atomically(study / "results.csv", for_csv(table))
    return table
