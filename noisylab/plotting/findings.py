"""What a figure shows, as a sentence with its main numbers, for those who do not see it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas
from numpy.typing import NDArray

from noisylab.analysis.tables import in_words, is_share
from noisylab.plotting.captions import listed

if TYPE_CHECKING:
    from noisylab.plotting.study_runs import StudyRuns

# The most values of a sentence, and characters of the name of a method.
MOST, LONGEST = 12, 40
GROUPS = ("clean", "mislabelled")


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in points."""
    return f"{100 * difference:+.1f} points"


def number(value: float) -> str:
    """A number in three digits; NaN is none."""
    if math.isnan(value):
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def told(
    what: str,
    rows: pandas.DataFrame,
    measures: str | Sequence[str],
    runs: "StudyRuns",
    *,
    form: Callable[[float], str] | Sequence[Callable[[float], str]] = percent,
    names: Mapping[str, str] | None = None,
    pooled: bool = False,
) -> str:
    """The means of each method.

    They read `Test accuracy under symmetric:0.4 at the last epoch: CE 50.0 %; DLB 75.0 %.`

    Args:
        what: The name of the measures.
        rows: With method and the measures. Of several noises (column `noise`) the runs' own is told, or else that with the
            highest rate; of several epochs the last one; of groups of samples (column `group`) clean, then mislabelled.
        measures: Columns.
        runs: Whose names the methods and the noise have.
        form: How a value is written; several: that of each measure.
        names: The names of the methods. None: those of the runs.
        pooled: Whether the numbers are of no single noise.
    """
    measures = [measures] if isinstance(measures, str) else list(measures)
    forms = [form] * len(measures) if callable(form) else list(form)
    rows, under = (rows, "") if pooled else _under_one_noise(rows, runs)
    rows = rows[rows[measures[0]].notna()]
    at = ""
    if "epoch" in rows and len(rows):
        rows, at = rows[rows["epoch"] == rows.groupby("method")["epoch"].transform("max")], " at the last epoch"
    called = runs.names.short("method", list(rows["method"]), LONGEST) if names is None else names
    groups = [rows]
    if "group" in rows and set(rows["group"]) <= set(GROUPS):
        groups = [rows[rows["group"] == group] for group in GROUPS if group in set(rows["group"])]
    means = [group.groupby("method", sort=False)[measures].mean() for group in groups]
    said = []
    for method in dict.fromkeys(rows["method"]):
        values = [
            write(float(table[measure].get(method, math.nan))) for table in means for measure, write in _each(measures, forms)
        ]
        said.append(f"{called[method]} {listed(values)}")
    more = f"; {len(said) - MOST} more in the numbers" if len(said) > MOST else ""
    return f"{what}{under}{at}: {'; '.join(said[:MOST])}{more}." if said else ""


def group_means(values: Mapping[str, tuple[NDArray[Any], NDArray[np.bool_]]]) -> pandas.DataFrame:
    """The mean over the clean and over the mislabelled samples of each method: method, group, mean, for `told`.

    values: a number per sample and whether it is mislabelled, by method; NaN is left out.
    """
    held = [
        {"method": method, "group": group, "mean": np.nanmean(value[among].astype(np.float64))}
        for method, (value, mislabelled) in values.items()
        for group, among in zip(GROUPS, (~mislabelled, mislabelled), strict=True)
        if not np.isnan(value[among].astype(np.float64)).all()
    ]
    return pandas.DataFrame(held)


def best_score(rows: pandas.DataFrame, measure: str, runs: "StudyRuns", name: str) -> str:
    """The score of each method that finds the mislabelled samples best.

    rows: as for `told`, with score. name: of the measure, a column.
    """
    rows, under = _under_one_noise(rows, runs)
    best = rows.sort_values(measure, ascending=False, kind="stable").drop_duplicates("method").set_index("method")
    best = best.loc[list(dict.fromkeys(rows["method"]))].reset_index()
    called = runs.names.short("method", list(best["method"]), LONGEST)
    names = {row["method"]: f"{called[row['method']]}, {row['score'].replace('_', ' ')}" for row in best.to_dict("records")}
    return told(f"Highest {name} of a score{under}", best, measure, runs, form=number, names=names, pooled=True)


def of_contrasts(numbers: pandas.DataFrame, pooled: str, measure: str, runs: "StudyRuns") -> str:
    """The difference of each contrast, pooled over noises, or if no such is there, under one noise.

    numbers: noise (`pooled`: of several), method, baseline, group (the settings kept apart, as a text), difference.
    """
    of_several = numbers[numbers["noise"] == pooled]
    rows = numbers if of_several.empty else of_several
    called = runs.names.short("method", [*rows["method"], *rows["baseline"]], LONGEST)
    pairs = [
        f"{called[row['method']]} \N{MINUS SIGN} {called[row['baseline']]}{', ' * bool(row['group'])}{row['group']}:"
        for row in rows.to_dict("records")
    ]
    what = f"Difference in {in_words(measure).removesuffix(' (points)')}"
    form, own = points if is_share(measure) else number, {pair: pair for pair in pairs}
    rows = rows.assign(method=pairs).drop(columns="group")
    if of_several.empty:
        return told(what, rows, "difference", runs, form=form, names=own)
    return told(f"{what} pooled over the noisy settings", rows, "difference", runs, form=form, names=own, pooled=True)


def of_settings(rows: pandas.DataFrame, settings: Sequence[str], runs: "StudyRuns", *, methods: bool = True) -> str:
    """The test accuracy for each value of some settings, the highest first.

    rows: of `summarise`, with the settings. methods: whether rows are told by their method, too.
    """
    rows = rows.sort_values("test_accuracy_last", ascending=False, kind="stable")
    called = runs.names.short("method", list(rows["method"]), LONGEST)
    cells = []
    for row in rows.to_dict("records"):
        values = (f"{name.replace('_', ' ')} {_plain(row[name])}" for name in settings)
        cells.append(", ".join([*([called[row["method"]]] if methods else []), *values]) + ":")
    own = {cell: cell for cell in cells}
    what = "Test accuracy at the last epoch, the highest first"
    return told(what, rows.assign(method=cells), "test_accuracy_last", runs, names=own)


def over_rates(summary: pandas.DataFrame, measure: str, what: str, runs: "StudyRuns") -> str:
    """The means under the lowest and the highest noise rate; summary: rows of `summarise`."""
    order = summary.sort_values("realised_rate", kind="stable")["noise"]
    return " ".join(
        told(what, summary[summary["noise"] == noise], measure, runs)
        for noise in dict.fromkeys([order.iloc[0], order.iloc[-1]])
    )


def strongest_confusion(numbers: pandas.DataFrame, block: int) -> str:
    """The most frequent confusion of a transition matrix.

    numbers: true, given, realised and, if they are known, true_name and given_name. block: classes per row and column.
    """
    wrong = numbers[(numbers["true"] != numbers["given"]) & numbers["realised"].notna()]
    if wrong.empty:
        return ""
    most = wrong.sort_values("realised", ascending=False, kind="stable").iloc[0]
    true, given = (most.get(f"{name}_name", most[name]) for name in ("true", "given"))
    of = "" if block == 1 else f" (the first of the {block} classes of a row or column)"
    return (
        f"The most frequent confusion is {true} labelled as {given}{of}: {percent(most['realised'])} of the samples of {true}."
    )


def _each(measures: Sequence[str], forms: Sequence[Callable[[float], str]]) -> "zip[tuple[str, Callable[[float], str]]]":
    return zip(measures, forms, strict=True)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _under_one_noise(rows: pandas.DataFrame, runs: "StudyRuns") -> tuple[pandas.DataFrame, str]:
    """The rows of one noise, and which one it is."""
    noise = runs.noise
    if "noise" in rows:
        if noise not in set(rows["noise"]):
            rates = runs.results.groupby("noise")["realised_rate"].max()
            noise = max(dict.fromkeys(rows["noise"]), key=lambda name: rates.get(name, 0.0))
        rows = rows[rows["noise"] == noise]
    return rows, f" under {runs.names.noise(noise)}"
