"""From a table of runs to the tables of a study."""

import ast
import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas

from noisylab.analysis.statistics import mean_interval
from noisylab.core.lines import counted
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES, OVERRIDES
from noisylab.core.specs import Registry
from noisylab.core.suggestions import did_you_mean
from noisylab.training.config import TrainConfig

MEASURES = (
    *("test_accuracy_last", "test_accuracy_last10", "test_accuracy_selected", "test_accuracy_peak", "test_accuracy_gap"),
    *("memorised", "consistency_clean", "consistency_mislabelled"),
)
"""The measures of the first table."""

# Measures that are shares of samples; all others are plain numbers.
_SHARES = (
    *("test_accuracy", "validation_accuracy", "clean_correct", "memorised", "consistency_", "selection_"),
    *("test_top", "test_ece"),
)

EXPOSURE = ("images_processed", "images_total", "updates")
"""What a run was shown: images through the measured network, images through all networks, and updates."""

SETTINGS = (
    *("data", "train_size", "test_size", "model", "augment", "record", "budget", "validation", "select", "evaluate_every"),
    *(field.name for field in dataclasses.fields(TrainConfig)),
)
"""The columns of `results.csv` that are settings of a run. Runs of one comparison agree in them, unless `by` names one."""

# The column with a digest of everything that runs of one comparison share.
KEY = "comparison_key"
_VARIED = ("noise", "method", "seed", "noise_seed")
_SPECS: dict[str, Registry[Any]] = {
    "data": DATA_SETS,
    "model": MODELS,
    "augment": AUGMENTATIONS,
    "noise": NOISES,
    "method": METHODS,
}


def training_length(run: "Mapping[str, Any] | pandas.Series[Any]") -> str:
    """The length of training for titles: `40 epochs`, or with another budget `images of 40 epochs`."""
    return ("" if run["budget"] == "epochs" else f"{run['budget']} of ") + counted(int(run["epochs"]), "epoch")


def is_share(measure: str) -> bool:
    """Whether a measure is a share of samples, which tables and figures show in percent."""
    return measure.startswith(_SHARES)


def in_words(measure: str) -> str:
    """What a measure is called in titles and captions, with the unit of its differences.

    Example:
        >>> from noisylab.analysis.tables import in_words
        >>> in_words("test_accuracy_last"), in_words("test_nll")
        ('last-epoch test accuracy (points)', 'test nll')
    """
    name = "last-epoch test accuracy" if measure == "test_accuracy_last" else measure.replace("_", " ")
    return f"{name} (points)" if is_share(measure) else name


def summarise(results: pandas.DataFrame, by: Sequence[str] = (), columns: Sequence[str] | None = None) -> pandas.DataFrame:
    """One row per noise and method: mean over seeds and half the 95 % interval (`_ci95_half`) of every measure.

    Args:
        results: Rows of `results.csv`.
        by: Settings whose values are kept apart; they become the first columns.
        columns: The measures, columns of numbers. None: those of `MEASURES` that `results` has.

    Returns:
        A row per value of `by`, noise and method, in the order of their first runs: the noise and its rates, `n` (runs), the
        measures, and the mean exposure of a run (`EXPOSURE`).

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, a run occurs twice, or a column is not one of numbers.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.tables import summarise
        >>> results = pandas.read_csv("runs/noise_sweep/results.csv")  # doctest: +SKIP
        >>> summarise(results)[["noise", "method", "n", "test_accuracy_last"]]  # doctest: +SKIP
    """
    check_comparable(results, by)
    measures = measures_of(results, columns)
    exposure = [name for name in EXPOSURE if name in results]
    # Whole noises one after the other, however the runs are sorted.
    noises = list(dict.fromkeys(results["noise"]))
    results = results.sort_values("noise", key=lambda held: held.map(noises.index), kind="stable")
    rows = []
    for key, group in under_each(results, by, "noise", "method"):
        method = key.pop("method")
        row = key | {
            "noise_kind": group["noise_kind"].iloc[0],
            "nominal_rate": group["nominal_rate"].iloc[0],
            "realised_rate": group["realised_rate"].mean(),
            "method": method,
            "n": len(group),
        }
        for measure in measures:
            row |= mean_of(group[measure], measure)
        rows.append(row | {name: group[name].mean() for name in exposure if name not in measures})
    return pandas.DataFrame(rows)


def measures_of(results: pandas.DataFrame, columns: Sequence[str] | None = None) -> list[str]:
    """The measures of a table: `columns`, or those of `MEASURES` that `results` has. Raises ValueError as `check_columns`."""
    if columns is not None:
        return check_columns(columns, results)
    # Nothing is selected without validation data.
    without = {"test_accuracy_selected"} & set(results.columns[results.isna().all()])
    return [name for name in MEASURES if name in results and name not in without]


def summarise_epochs(metrics: pandas.DataFrame, measures: Sequence[str]) -> pandas.DataFrame:
    """One row per method and epoch: mean over runs and half the 95 % interval (`_ci95_half`) of every measure.

    Args:
        metrics: Rows of `metrics.csv` of any number of runs, with a column `method`.
        measures: Columns of `metrics`.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.tables import summarise_epochs
        >>> metrics = pandas.DataFrame({"method": "ce", "epoch": [0, 0], "test_accuracy": [0.5, 0.75]})
        >>> summarise_epochs(metrics, ["test_accuracy"])["test_accuracy"].tolist()
        [0.625]
    """
    rows = []
    for row, group in groups(metrics, ["method", "epoch"]):
        for measure in measures:
            row |= mean_of(group[measure], measure)
        rows.append(row)
    return pandas.DataFrame(rows)


def choose(results: pandas.DataFrame, where: Mapping[str, Any] | None) -> pandas.DataFrame:
    """The runs that have the given settings.

    Args:
        results: Rows of `results.csv`.
        where: a value, or its text, for each setting, noise, method or seed: `{"epochs": 3, "model": "small_cnn(width=32)"}`.
            Text "3" matches the number 3, and a spec matches however it is written. None or empty: all runs.

    Raises:
        ValueError: If there is no such setting, or no run has that value.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.tables import choose
        >>> results = pandas.DataFrame({"method": ["ce", "ce"], "epochs": [2, 3]})
        >>> choose(results, {"epochs": "3"})["epochs"].tolist()
        [3]
    """
    if where is not None and not isinstance(where, Mapping):
        raise ValueError(f"where must be a mapping of settings to values, as {{'epochs': 3}}, got {where!r}")
    for name, wanted in (where or {}).items():
        _check_names("where", [name], results, (*SETTINGS, *_VARIED, "code"))
        fits = pandas.Series([_matches(value, wanted, _SPECS.get(name)) for value in results[name]], index=results.index)
        if not fits.any():
            there = list(map(str, _values(results[name])))
            raise ValueError(
                f"no run has {name}={wanted}{did_you_mean(str(wanted), there)}; there are {name}: {', '.join(there)}"
            )
        # Methods that never had this code are not meant.
        others = ~results["method"].isin(results.loc[fits, "method"]) if name == "code" else False
        results = results[fits | others]
    return results


def differing_settings(results: pandas.DataFrame, by: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The settings in which runs with equal `by` differ, each with its values; empty for comparable runs."""
    _check_names("by", by, results, SETTINGS)
    differing: dict[str, list[Any]] = {}
    for _, group in groups(results, by):
        # The key leaves out overrides of a method, which do not count as differences.
        if KEY in group and group[KEY].nunique() == 1:
            continue
        for name in SETTINGS:
            if name in group and name not in by and len(_values(held := _common(group, name))) > 1:
                differing[name] = _values(pandas.Series([*differing.get(name, []), *held]))
    for _, group in results.groupby("method", sort=False) if "code" in results else ():
        if group["code"].nunique() > 1:
            differing["code"] = [*differing.get("code", []), *_values(group["code"])]
    return differing


def _common(runs: pandas.DataFrame, name: str) -> "pandas.Series[Any]":
    """A setting's column, without the methods that override it (`elr@learning_rate=0.02`)."""
    if name not in OVERRIDES:
        return runs[name]
    methods = runs["method"].unique()
    own = [method for method in methods if "@" in method and name in METHODS.parse(method).overrides]
    return runs.loc[~runs["method"].isin(own), name]


def say_differences(differing: Mapping[str, Sequence[Any]]) -> str:
    """The differences between runs and how to choose among them, as a sentence: `epochs: 2, 3; choose with ...`."""
    listed = "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in differing.items())
    example = {name: values[-1] for name, values in differing.items()}
    typed = " ".join(shlex.quote(f"{name}={value}") for name, value in example.items())
    return f"runs differ in {listed}; choose with where={example} (--where {typed})"


def check_comparable(results: pandas.DataFrame, by: Sequence[str] = ()) -> None:
    """Raise ValueError if runs differ in more than method, noise, seeds and `by`, or if a run occurs twice."""
    if differing := differing_settings(results, by):
        axes = [*by, *differing]
        apart = "" if "code" in axes else f", or keep them apart with by={axes} (--by {' '.join(axes)})"
        raise ValueError(f"{say_differences(differing)}{apart}")
    for _, group in groups(results, by):
        if KEY in group and group[KEY].nunique() > 1:
            first, other = group.drop_duplicates(KEY)["id"].iloc[:2]
            raise ValueError(f"runs that differ in more than method, noise and seeds cannot be compared: {first}, {other}")
    twice = results[_hashable(results, by).duplicated([*by, *_VARIED])]
    if len(twice):
        raise ValueError(f"the run {twice['id'].iloc[0]} occurs twice")


def check_columns(columns: Sequence[str], results: pandas.DataFrame, argument: str = "columns") -> list[str]:
    """The columns as a list. Raises ValueError, with a suggestion, unless all of them are columns of numbers."""
    # A measure that no run has is a column without values, of no type.
    numeric = {*results.select_dtypes("number"), *results.columns[results.isna().all()]} - {"seed", "noise_seed"}
    known = [str(name) for name in results if name in numeric]
    names = several(argument, columns)
    for name in names:
        if name not in known:
            measures = [each for each in known if each not in SETTINGS]
            apart = [part.strip() for part in str(name).split(",")]
            meant = f"; write them apart, {' '.join(apart)}" if set(apart) <= set(known) else did_you_mean(str(name), measures)
            raise ValueError(f"{argument} must name columns of numbers, got {name!r}{meant}; there are {', '.join(measures)}")
    return list(dict.fromkeys(names))


def mean_of(values: "pandas.Series[float]", name: str) -> dict[str, float]:
    """The mean under `name`, and half its 95 % interval under `name` + `_ci95_half`."""
    interval = mean_interval(values)
    return {name: interval.mean, f"{name}_ci95_half": interval.half}


def groups(table: pandas.DataFrame, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], pandas.DataFrame]]:
    """The values of `columns` by name, and the rows that have them, in the order of their first rows."""
    if not columns:
        yield {}, table
        return
    for values, group in _hashable(table, columns).groupby(list(columns), sort=False, dropna=False):
        yield dict(zip(columns, values, strict=True)), group


def under_each(
    results: pandas.DataFrame, by: Sequence[str], *columns: str
) -> Iterator[tuple[dict[str, Any], pandas.DataFrame]]:
    """`groups` by settings and `columns`, with settings in the order of `_values`."""
    places = {name: _values(results[name]).index for name in by}
    settings = sorted(groups(results, by), key=lambda pair: [place(_plain(pair[0][name])) for name, place in places.items()])
    for key, rows in settings:
        for inner, group in groups(rows, columns):
            yield key | inner, group


def _hashable(table: pandas.DataFrame, columns: Sequence[str]) -> pandas.DataFrame:
    """The table with lists (from JSON) as tuples."""
    return table.assign(**{name: table[name].map(_plain) for name in columns if table[name].dtype == object})


def _plain(value: Any) -> Any:
    """A cell with a list (from JSON) as a tuple, and NaN as None."""
    return tuple(value) if isinstance(value, list) else None if value != value else value


def _values(column: "pandas.Series[Any]") -> list[Any]:
    """The distinct values of a column as Python objects: numbers in ascending order, others in order of occurrence."""
    found = list(dict.fromkeys(map(_plain, column.tolist())))
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found


def _check_names(argument: str, names: Sequence[str], results: pandas.DataFrame, allowed: Sequence[str]) -> None:
    if isinstance(names, str):
        raise ValueError(f"{argument} must be a sequence of names, got {names!r}; write [{names!r}]")
    known = [name for name in allowed if name in results]
    for name in names:
        if name not in known:
            meant = did_you_mean(str(name), known)
            raise ValueError(f"{argument} must name settings of the runs, got {name!r}{meant}; there are {', '.join(known)}")


def several(name: str, values: Sequence[Any]) -> list[Any]:
    """The values as a list. Raises ValueError for one text, which is a sequence of letters."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(f"{name} must be a list, got {values!r}; write [{values!r}]")
    return list(values)


def known_method(method: str, results: pandas.DataFrame) -> str:
    """The name that the tables have for a method, however it is written. Raises ValueError if no run is of it."""
    known = list(dict.fromkeys(results["method"]))
    if method in known:
        return method
    written = [name for name in known if _matches(name, method, METHODS) or name.lower() == method.lower()]
    if not written:
        raise ValueError(f"no run is of method {method!r}{did_you_mean(method, known)}; there are {', '.join(known)}")
    return str(written[0])


def known_noise(noise: str, results: pandas.DataFrame) -> str:
    """The name that the tables have for a noise, however it is written. Raises ValueError if no run is under it."""
    known = list(dict.fromkeys(results["noise"]))
    written = [name for name in known if _matches(name, noise, NOISES)]
    if not written:
        raise ValueError(f"noise must be one of the study's, {', '.join(known)}, got {noise!r}{did_you_mean(noise, known)}")
    return str(noise if noise in known else written[0])


def _matches(value: Any, wanted: Any, registry: Registry[Any] | None) -> bool:
    """Whether a run's value is the wanted one, given as a value or as text."""
    value = _plain(value)
    if value == wanted or str(value).lower() == str(wanted).strip().lower():
        return True
    if registry is not None:
        try:
            asked = registry.parse(str(wanted))
            # The label of a file says less than its spec.
            return asked.label == value or str(asked) == str(registry.parse(str(value)))
        except ValueError:
            return False
    try:
        literal = ast.literal_eval(str(wanted))
    except (ValueError, SyntaxError):
        return False
    return bool(value == _plain(literal)) or (literal is None and value is None)
