"""The finished runs of a study as one table, in one order: `results.csv`."""

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.core.files import write_atomically
from noisylab.core.foreign_text import for_csv
from noisylab.core.lines import counted
from noisylab.study.run_folder import REMEDY, RESULT, read_result_file
from noisylab.study.study_file import planned_runs

if TYPE_CHECKING:
    import pandas


def collect(study: Path) -> "pandas.DataFrame":
    """The finished runs of a study folder, one row each, in the order of `in_order`.

    Warns of results that are damaged or lie in the folder of another run, and of runs that were not made with the same versions
    and devices.
    """
    results, surrounded = [], []
    for path in sorted(study.glob(f"*/{RESULT}")):
        name, held = path.parent.name, read_result_file(path.parent)
        if held is None:
            warnings.warn(f"left out: {name}: its {RESULT} is damaged; {REMEDY}", stacklevel=2)
        elif (other := held["result"].get("id")) != name:
            warnings.warn(f"left out: {name}: its {RESULT} is that of run {other}; {REMEDY}, or remove a copy", stacklevel=2)
        else:
            results.append(held["result"])
            surrounded.append(held["made_with"])
    for mixed in _mixed(surrounded):
        warnings.warn(f"the runs of {str(study)!r} were made with different {mixed}", stacklevel=2)
    return in_order(as_table(results), [run["id"] for run in planned_runs(study)])


def _mixed(surrounded: Iterable[Mapping[str, str]]) -> list[str]:
    """What differs between the surroundings of runs: `torch: 2.11.0 (3 runs), 2.12.0 (1 run)`."""
    counts: dict[str, Counter[str]] = {}
    for held in surrounded:
        for name, value in held.items():
            counts.setdefault(name, Counter())[value] += 1
    return [
        f"{name}: " + ", ".join(f"{value} ({counted(n, 'run')})" for value, n in sorted(values.items()))
        for name, values in counts.items()
        if len(values) > 1
    ]


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
