"""Words and numbers of the tables: names of columns, what they mean, and how cells are written."""

import math
from collections.abc import Iterable
from typing import Any

import pandas

from noisylab.analysis.comparisons import SEED
from noisylab.analysis.display_names import DisplayNames, Kind
from noisylab.analysis.statistics import format_interval
from noisylab.analysis.tables import EXPOSURE, SETTINGS, differing_settings, groups, is_share, training_length
from noisylab.analysis.variance import DEPENDENT, are_crossed, counted_seeds
from noisylab.core.lines import counted

# Names of methods, noises and data without labels of a reader's own.
PLAIN = DisplayNames()

# The names of columns in tables: short, so that a whole table fits a terminal. Captions explain them.
NAMES = {
    "test_accuracy_last": "last",
    "test_accuracy_last10": "last 10",
    "test_accuracy_selected": "selected",
    "test_accuracy_peak": "peak †",
    "test_accuracy_gap": "gap",
    "consistency_clean": "cons. clean",
    "consistency_mislabelled": "cons. misl.",
    "images_processed": "images",
    "images_total": "all images",
    "updates": "updates",
}
# What the names mean, by column.
EXPLAINED = {
    "test_accuracy_last": "last: test accuracy",
    "test_accuracy_last10": "last 10: its mean over the last ten of the method's own epochs",
    "test_accuracy_selected": "selected: that of the epoch that validation data choose",
    "test_accuracy_peak": "†: selected on the test data, so it is no result",
    "test_accuracy_gap": "gap: peak - last",
    "memorised": "memorised: mislabelled samples predicted as their given label",
    "consistency_clean": "cons.: clean and mislabelled samples predicted as in the epoch before, mean over the method's epochs",
    "images_total": "all images: those of teachers and second networks included",
}
BUDGETS = {
    "images": "equal images through the measured network and equal updates, up to incomplete batches",
    "updates": "equal updates and equal new samples per update",
    "epochs": "equal passes over the data; images and updates differ between methods that present samples more than once",
    "compute": "equal images through all networks",
}

INTERVAL = "mean ± 95 % interval (Student t)"
RATES = "in brackets behind a noise: its realised rate"

LETTERS = {"paper": "p", "code": "c", "approximation": "a", "ours": "o"}
MEANINGS = {
    "paper": "p: as printed in its paper",
    "code": "c: as its public code",
    "approximation": "a: an approximation",
    "ours": "o: ours",
}


def column_name(column: str) -> str:
    """The name of a column of `results.csv` in tables and figures."""
    return NAMES.get(column, column.replace("_", " "))


def task(results: pandas.DataFrame, names: DisplayNames = PLAIN) -> str:
    """The settings that all runs of a table share: data, network, length of training and batch size."""
    first, different = results.iloc[0], differing_settings(results)
    said = {
        ("data",): names.data(str(first["data"])),
        ("train_size",): counted(int(first["train_size"]), "training sample"),
        ("model",): str(first["model"]),
        ("budget", "epochs"): training_length(first),
        ("batch_size",): f"batch {first['batch_size']}",
    }
    return ", ".join(text for settings, text in said.items() if not different.keys() & set(settings))


def protocol(results: pandas.DataFrame, names: DisplayNames = PLAIN, measure: str = "test_accuracy_last") -> str:
    """`task`, and what a table shows, as one sentence."""
    seeds = results.drop_duplicates(["noise", "method", *SEED]).groupby(["noise", "method"]).size()
    if seeds.max() == 1:
        return f"{task(results, names)}: {_told(measure)}, one seed"
    return f"{task(results, names)}: {_told(measure)}, {INTERVAL} over {counted_seeds(seeds, results)}"


def _told(measure: str) -> str:
    """A measure in words, with its unit and when it was taken."""
    if measure == "test_accuracy_last":
        return "test accuracy in percent at the last epoch"
    return measure.replace("_", " ") + (" in percent" if is_share(measure) else "")


def design_said(results: pandas.DataFrame) -> list[str]:
    """What the budget of the runs makes equal, or what each of them does, and whether the runs are dependent, as sentences."""
    budgets = list(dict.fromkeys(results["budget"])) if "budget" in results else []
    held = BUDGETS[budgets[0]] if len(budgets) == 1 else "; ".join(f"{name}: {BUDGETS[name]}" for name in budgets)
    said = [f"Budget{'s' if len(budgets) > 1 else ''}: {held}"] if budgets else []
    return [*said, DEPENDENT] if are_crossed(results) else said


def overrides_said(results: pandas.DataFrame) -> list[str]:
    """What an @ in the name of a method means, if there is one."""
    any_overrides = results["method"].str.contains("@", regex=False).any()
    return ["@: training settings of the method that replace the study's"] if any_overrides else []


def exposures(summary: pandas.DataFrame) -> list[str]:
    """The exposures that a table shows: all images only if they differ from those of the measured network."""
    held = [name for name in EXPOSURE if name in summary]
    first, total = "images_processed", "images_total"
    if {first, total} <= set(held) and (summary[first] == summary[total]).all():
        held.remove(total)
    return held


def with_rate(row: dict[Any, Any]) -> str:
    """A noise with its realised rate: `symmetric:0.4 (40.3 %)`."""
    return str(row["noise"]) + (f" ({100 * row['realised_rate']:.1f} %)" if row["realised_rate"] else "")


def noise_heads(results: pandas.DataFrame, names: DisplayNames = PLAIN) -> dict[str, str]:
    """The heading of the column of every noise: its name with the realised rate, the lowest and the highest if means differ.

    Means over seeds, which can differ between the values of a setting.
    """
    shown = called(names, "noise", dict.fromkeys(results["noise"]))
    if "realised_rate" not in results:
        return shown
    settings = [name for name in differing_settings(results) if name != "code"]
    heads = {}
    for noise, rows in results.groupby("noise", sort=False):
        means = [f"{100 * part['realised_rate'].mean():.1f}" for _, part in groups(rows, settings)]
        rate = " to ".join(dict.fromkeys((min(means, key=float), max(means, key=float))))
        heads[str(noise)] = shown[str(noise)] + (f" ({rate} %)" if rows["realised_rate"].any() else "")
    return heads


def short_count(count: float) -> str:
    """A large number in few characters: 842, 53.9 k, 1.26 M."""
    if count < 9_999.5:
        return f"{count:,.0f}"
    return f"{count / 1e3:,.1f} k" if count < 999_950 else f"{count / 1e6:,.2f} M"


def measured(measure: str, mean: float, half: float, *, sign: str = "") -> str:
    """A mean with half of its interval, as `81.0 ± 2.5`: shares in percent, other measures with two digits of the interval.

    A setting or a count that is the same in all runs has no interval. sign: "+" for the sign of a difference.
    """
    if is_share(measure):
        return format_interval(mean, half, sign=sign)
    if math.isnan(mean):
        return "-"
    if half == 0 and measure in (*SETTINGS, *EXPOSURE):
        return f"{mean:,.10g}"
    decimals = max(0, 1 - math.floor(math.log10(half))) if half > 0 else None
    if decimals is not None:
        return f"{mean:{sign},.{decimals}f} ± {half:,.{decimals}f}"
    return _digits(mean, 4, sign) + ("" if math.isnan(half) else " ± 0")


def _digits(value: float, count: int, sign: str = "") -> str:
    """A number with at least so many significant digits, zeros at the end included unless it is a whole one."""
    if float(value).is_integer() or abs(value) >= 10**count:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}#,.{count}g}".rstrip(".")


def called(names: DisplayNames, kind: Kind, specs: Iterable[str]) -> dict[str, str]:
    """The whole name of each spec; no two get one."""
    return names.short(kind, list(specs), longest=10_000)


def named(table: pandas.DataFrame, names: DisplayNames) -> pandas.DataFrame:
    """The table with the names of methods, noises and data for readers."""
    kinds: dict[Kind, list[str]] = {"method": ["method", "baseline"], "noise": ["noise"], "data": ["data"]}
    for kind, columns in kinds.items():
        held = [column for column in columns if column in table]
        shown = called(names, kind, (spec for column in held for spec in table[column]))
        table = table.assign(**{column: table[column].map(shown) for column in held})
    return table
