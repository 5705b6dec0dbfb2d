"""From a table of runs to the tables of a study."""

import ast
import dataclasses
import difflib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas

from noisylab.analysis.statistics import holm, mean_interval, paired_difference
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.core.specs import Registry
from noisylab.training.config import TrainConfig

MEASURES = ("test_accuracy_last", "test_accuracy_last10", "memorised")

SETTINGS = (
    *("data", "train_size", "model", "augment", "record", "budget"),
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
    """The length of training for titles: `40 epochs`, or `images of 40 epochs`."""
    return f"{'images of ' if run['budget'] == 'images' else ''}{run['epochs']} epochs"


def summarise(results: pandas.DataFrame, by: Sequence[str] = ()) -> pandas.DataFrame:
    """One row per noise and method: mean over seeds and half the 95 % interval (`_ci95_half`) of every measure.

    Args:
        results: Rows of `results.csv`.
        by: Settings whose values are kept apart; they become the first columns.

    Returns:
        A row per value of `by`, noise and method, in the order of their first runs: the noise and its rates, `n` (runs), the
        measures (`MEASURES`, in [0, 1]), and the images and steps of a run.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, or a run occurs twice.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.tables import summarise
        >>> results = pandas.read_csv("runs/noise_sweep/results.csv")  # doctest: +SKIP
        >>> summarise(results)[["noise", "method", "n", "test_accuracy_last"]]  # doctest: +SKIP
    """
    check_comparable(results, by)
    # Whole noises one after the other, however the runs are sorted.
    noises = list(dict.fromkeys(results["noise"]))
    results = results.sort_values("noise", key=lambda held: held.map(noises.index), kind="stable")
    rows = []
    for key, group in _under_each(results, by, "noise", "method"):
        method = key.pop("method")
        row = key | {
            "noise_kind": group["noise_kind"].iloc[0],
            "nominal_rate": group["nominal_rate"].iloc[0],
            "realised_rate": group["realised_rate"].mean(),
            "method": method,
            "n": len(group),
        }
        for measure in MEASURES:
            row |= _mean(group[measure], measure)
        rows.append(row | {"images_processed": group["images_processed"].mean(), "steps": group["steps"].mean()})
    return pandas.DataFrame(rows)


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
    for row, group in _groups(metrics, ["method", "epoch"]):
        for measure in measures:
            row |= _mean(group[measure], measure)
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
            raise ValueError(f"no run has {name}={wanted}; there are {name}: {', '.join(map(str, _values(results[name])))}")
        # Methods that never had this code are not meant.
        others = ~results["method"].isin(results.loc[fits, "method"]) if name == "code" else False
        results = results[fits | others]
    return results


def differing_settings(results: pandas.DataFrame, by: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The settings in which runs with equal `by` differ, each with its values; empty for comparable runs."""
    _check_names("by", by, results, SETTINGS)
    differing: dict[str, list[Any]] = {}
    for _, group in _groups(results, by):
        # The key leaves out overrides of a method, which do not count as differences.
        if KEY in group and group[KEY].nunique() == 1:
            continue
        for name in SETTINGS:
            if name in group and name not in by and len(_values(group[name])) > 1:
                differing[name] = _values(pandas.Series([*differing.get(name, []), *group[name]]))
    for _, group in results.groupby("method", sort=False) if "code" in results else ():
        if group["code"].nunique() > 1:
            differing["code"] = [*differing.get("code", []), *_values(group["code"])]
    return differing


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
    for _, group in _groups(results, by):
        if KEY in group and group[KEY].nunique() > 1:
            first, other = group.drop_duplicates(KEY)["id"].iloc[:2]
            raise ValueError(f"runs that differ in more than method, noise and seeds cannot be compared: {first}, {other}")
    twice = results[_hashable(results, by).duplicated([*by, *_VARIED])]
    if len(twice):
        raise ValueError(f"the run {twice['id'].iloc[0]} occurs twice")


def compare(
    results: pandas.DataFrame,
    measure: str = "test_accuracy_last",
    baselines: Sequence[str] | None = None,
    by: Sequence[str] = (),
) -> pandas.DataFrame:
    """Differences between methods under each noise, paired by seed and noise seed, with Holm-corrected p-values.

    Args:
        results: Rows of `results.csv`.
        measure: a column of numbers.
        baselines: Methods that all others are compared with; by default the first method.
        by: Settings whose values are kept apart.

    Returns:
        A row per value of `by`, noise and pair of methods: method, baseline, n (pairs), difference (method - baseline), half
        its 95 % interval (`difference_ci95_half`), p of the paired t-test, and `p_holm`, corrected over all rows.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, a run occurs twice, or no run is of a baseline.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.tables import compare
        >>> results = pandas.read_csv("runs/noise_sweep/results.csv")  # doctest: +SKIP
        >>> compare(results, baselines=["ce", "repeat"])  # doctest: +SKIP
    """
    methods = list(dict.fromkeys(results["method"]))
    baselines = methods[:1] if baselines is None else [known_method(name, results) for name in several("baselines", baselines)]
    pairs: list[tuple[str, str]] = []
    for b in baselines:
        pairs += [(a, b) for a in methods if a != b and (b, a) not in pairs]
    check_comparable(results, by)
    rows = []
    for key, group in _under_each(results, by, "noise"):
        values = group.pivot_table(index=["seed", "noise_seed"], columns="method", values=measure)
        for a, b in pairs:
            both = values[[a, b]].dropna() if {a, b} <= set(values.columns) else values.iloc[:0]
            if len(both):
                interval, p = paired_difference(both[a], both[b])
                row = {"method": a, "baseline": b, "n": interval.n, "difference": interval.mean}
                rows.append(key | row | {"difference_ci95_half": interval.half, "p": p})
    columns = [*by, "noise", "method", "baseline", "n", "difference", "difference_ci95_half", "p"]
    table = pandas.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p"]))


def leaders(
    results: pandas.DataFrame, measure: str = "test_accuracy_last", by: Sequence[str] = (), *, level: float = 0.05
) -> pandas.DataFrame:
    """The method with the highest mean under each noise, and whether it is significantly above every other one.

    Args:
        results: Rows of `results.csv`.
        measure: a column of numbers.
        by: Settings whose values are kept apart.
        level: Of significance, in (0, 1).

    Returns:
        A row per value of `by` and noise: method; `p_holm`, the largest p of its paired t-tests with the others after Holm's
        correction over the whole table, NaN unless all of them have two pairs at least; significant: `p_holm` < level.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, or a run occurs twice.
    """
    check_comparable(results, by)
    parts = []
    best: list[tuple[dict[str, Any], str, int]] = []
    for key, group in _under_each(results, by, "noise"):
        leader = str(group.groupby("method", sort=False)[measure].mean().idxmax())
        parts.append(compare(group, measure, [leader]).assign(place=len(best)))
        best.append((key, leader, group["method"].nunique() - 1))
    tests = pandas.concat(parts)
    tests["p_holm"] = holm(tests["p"])
    rows = []
    for place, (key, leader, others) in enumerate(best):
        p = tests.loc[tests["place"] == place, "p_holm"]
        whole = len(p) == others > 0 and bool(p.notna().all())
        largest = float(p.max()) if whole else float("nan")
        rows.append(key | {"method": leader, "p_holm": largest, "significant": largest < level})
    return pandas.DataFrame(rows)


def mean_ranks(results: pandas.DataFrame, measure: str = "test_accuracy_last", by: Sequence[str] = ()) -> pandas.DataFrame:
    """The mean rank of every method over seeds (1 = best, ties share), under each noise.

    Under each noise, only the seeds that all methods have count.

    Args:
        results: Rows of `results.csv`.
        measure: a column of numbers; high is good.
        by: Settings whose values are kept apart.

    Returns:
        A row per value of `by`, noise and method: n (seeds), rank, half its 95 % interval (`rank_ci95_half`), and Friedman's p
        of the noise, NaN for fewer than three methods or two seeds.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, or a run occurs twice.

    Source:
        Friedman (1937); Demsar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    from scipy import stats

    check_comparable(results, by)
    rows = []
    for key, group in _under_each(results, by, "noise"):
        values = group.pivot_table(index=["seed", "noise_seed"], columns="method", values=measure, sort=False).dropna()
        if values.empty:
            continue
        ranks = values.rank(axis=1, ascending=False)
        testable = values.shape[0] > 1 and values.shape[1] > 2
        p = float(stats.friedmanchisquare(*values.to_numpy().T).pvalue) if testable else float("nan")
        rows += [
            key | {"method": method, "n": len(values)} | _mean(ranks[method], "rank") | {"friedman_p": p}
            for method in values.columns
        ]
    return pandas.DataFrame(rows, columns=[*by, "noise", "method", "n", "rank", "rank_ci95_half", "friedman_p"])


def _mean(values: "pandas.Series[float]", name: str) -> dict[str, float]:
    interval = mean_interval(values)
    return {name: interval.mean, f"{name}_ci95_half": interval.half}


def _groups(table: pandas.DataFrame, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], pandas.DataFrame]]:
    """The values of `columns` by name, and the rows that have them, in the order of their first rows."""
    if not columns:
        yield {}, table
        return
    for values, group in _hashable(table, columns).groupby(list(columns), sort=False, dropna=False):
        yield dict(zip(columns, values, strict=True)), group


def _under_each(
    results: pandas.DataFrame, by: Sequence[str], *columns: str
) -> Iterator[tuple[dict[str, Any], pandas.DataFrame]]:
    """`_groups` by settings and `columns`, with settings in the order of `_values`."""
    places = {name: _values(results[name]).index for name in by}
    settings = sorted(_groups(results, by), key=lambda pair: [place(_plain(pair[0][name])) for name, place in places.items()])
    for key, rows in settings:
        for inner, group in _groups(rows, columns):
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
            close = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
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
        close = difflib.get_close_matches(method, known, n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"no run is of method {method!r}{meant}; there are {', '.join(known)}")
    return str(written[0])


def _matches(value: Any, wanted: Any, registry: Registry[Any] | None) -> bool:
    """Whether a run's value is the wanted one, given as a value or as text."""
    value = _plain(value)
    if value == wanted or str(value).lower() == str(wanted).strip().lower():
        return True
    if registry is not None:
        try:
            return str(registry.parse(str(wanted))) == str(registry.parse(str(value)))
        except ValueError:
            return False
    try:
        literal = ast.literal_eval(str(wanted))
    except (ValueError, SyntaxError):
        return False
    return bool(value == _plain(literal)) or (literal is None and value is None)
