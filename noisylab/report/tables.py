"""The tables of a study, made once for the terminal, Markdown, LaTeX and the page."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas

from noisylab.analysis.comparisons import compare, leaders
from noisylab.analysis.display_names import DisplayNames, Kind
from noisylab.analysis.statistics import format_interval, format_p
from noisylab.analysis.tables import EXPOSURE, differing_settings, is_share, measures_of, summarise, training_length
from noisylab.core.lines import counted
from noisylab.report.table import Column, Table

# Names of methods, noises and data without labels of a reader's own.
PLAIN = DisplayNames()

# What the first table leaves out of a narrow terminal, the first of these first.
LEAVE = (
    *("consistency_clean", "test_accuracy_gap", "consistency_mislabelled", "test_accuracy_peak", "test_accuracy_last10"),
    *("test_accuracy_selected", "memorised"),
)

# Characters per line of a heading over numbers.
HEADING = 9

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

LETTERS = {"paper": "p", "code": "c", "approximation": "a", "ours": "o"}
MEANINGS = {
    "paper": "p: as in its paper",
    "code": "c: as its public code",
    "approximation": "a: an approximation",
    "ours": "o: ours",
}


def results_table(
    results: pandas.DataFrame,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    names: DisplayNames = PLAIN,
    width: int | None = None,
) -> Table:
    """A row per value of `by`, noise and method, with the measures and the exposure.

    columns: the measures (see `noisylab.analysis.tables.summarise`). width: of a terminal; unless the columns are given, those
    for which there is no room are left out (`LEAVE`), and the caption says so.

    Raises ValueError if the runs differ in a setting that is not in `by`, or a column is not one of numbers.
    """
    summary = summarise(results, by, columns)
    measures = measures_of(results, columns)
    if columns is None:
        measures = [name for name in measures if summary[name].notna().any()]
    left_out: list[str] = []
    table = _results_table(results, summary, by, measures, left_out, names)
    for name in LEAVE if columns is None and width is not None else ():
        if width is None or table.fits(width):
            break
        if name in measures:
            measures.remove(name)
            left_out.append(name)
            table = _results_table(results, summary, by, measures, left_out, names)
    return table


def _results_table(
    results: pandas.DataFrame,
    summary: pandas.DataFrame,
    by: Sequence[str],
    measures: Sequence[str],
    left_out: Sequence[str],
    names: DisplayNames,
) -> Table:
    exposure = [name for name in _exposure(summary) if name not in measures]
    text = [Column(name.replace("_", " "), text=True) for name in (*by, "noise")]
    rows = tuple(
        (
            *(str(row[name]) for name in by),
            _with_rate(row),
            str(row["method"]),
            str(row["n"]),
            *(_measured(name, row[name], row[f"{name}_ci95_half"]) for name in measures),
            *(short_count(row[name]) for name in exposure),
        )
        for row in _named(summary, names).to_dict("records")
    )
    shown = (*measures, *exposure)
    heads = (*text, Column("method", text=True), Column("seeds"), *(Column(column_name(n), fold=HEADING) for n in shown))
    over = "mean ± 95 % interval over seeds (Student t)" if summary["n"].max() > 1 else "one seed each"
    said = [f"Last epoch, shares in percent: {over}; in brackets: the realised noise rate", *_budget(results)]
    if explained := [text for name, text in EXPLAINED.items() if name in shown]:
        said.append("; ".join(explained))
    said += _overrides(results)
    if left_out:
        said.append(f"More columns (noisylab compare --columns): {', '.join(sorted(left_out, key=list(summary).index))}")
    return Table(". ".join(said), heads, rows, sections=len(by) + 1)


def _exposure(summary: pandas.DataFrame) -> list[str]:
    """The exposures that a table shows: all images only if they differ from those of the measured network."""
    held = [name for name in EXPOSURE if name in summary]
    first, total = "images_processed", "images_total"
    if {first, total} <= set(held) and (summary[first] == summary[total]).all():
        held.remove(total)
    return held


def _overrides(results: pandas.DataFrame) -> list[str]:
    """What an @ in the name of a method means, if there is one."""
    any_overrides = results["method"].str.contains("@", regex=False).any()
    return ["@: training settings of the method that replace the study's"] if any_overrides else []


def _with_rate(row: dict[Any, Any]) -> str:
    """A noise with its realised rate: `symmetric:0.4 (40.3 %)`."""
    return str(row["noise"]) + (f" ({100 * row['realised_rate']:.1f} %)" if row["realised_rate"] else "")


def short_count(count: float) -> str:
    """A large number in few characters: 842, 53.9 k, 1.26 M."""
    if count < 9_999.5:
        return f"{count:,.0f}"
    return f"{count / 1e3:,.1f} k" if count < 999_950 else f"{count / 1e6:,.2f} M"


def contrasts_table(contrasts: pandas.DataFrame, by: Sequence[str] = (), names: DisplayNames = PLAIN) -> Table:
    """A row per value of `by` and primary contrast.

    contrasts: from `noisylab.analysis.comparisons.primary_contrasts` with the same `by`.
    """
    columns = ("noises", "seeds", "mean ± 95 % interval", "p")
    ratios = _ratios(contrasts)
    rows = tuple(
        (*_pair(row, by), str(row["noises"]), str(row["n"]), *_difference(row), *_times(row, ratios))
        for row in _named(contrasts, names).to_dict("records")
    )
    caption = f"Primary contrasts: {_in_points(contrasts)}, mean over the noisy settings of a seed, paired by seed"
    return Table(f"{caption} ({_family(contrasts)})", _pair_columns(contrasts, by, columns), rows, sections=len(by))


def power_lines(
    contrasts: pandas.DataFrame,
    by: Sequence[str] = (),
    difference: float = 0.02,
    level: float = 0.05,
    names: DisplayNames = PLAIN,
) -> list[str]:
    """What each primary contrast could have found, as a sentence.

    contrasts: from `primary_contrasts` with the same `by`, `difference` and `level`, of a measure in [0, 1].
    """
    tests = int(contrasts["p"].notna().sum())
    strictest = f"p < {f'{level:g}'.removeprefix('0')}" + (f" / {tests}, Holm's strictest" if tests > 1 else "")
    lines = []
    for row in _named(contrasts, names).to_dict("records"):
        name = "".join(f"{each.replace('_', ' ')} {row[each]}, " for each in by) + f"{row['method']} - {row['baseline']}"
        if row["power"] == row["power"]:
            found = "over .99" if row["power"] > 0.995 else f"{row['power']:.2f}".removeprefix("0")
            lines.append(
                f"{name}: {counted(row['n'], 'seed')} find {100 * difference:g} points with probability {found} "
                f"(sd {100 * row['difference_sd']:.1f}, {strictest}); {counted(row['n_for_power'], 'seed')} with .8"
            )
        if row["left_out"]:
            lines.append(f"{name}: seeds left out, because they lack a noisy setting: {row['left_out']}")
    return lines


def differences_table(differences: pandas.DataFrame, by: Sequence[str] = (), names: DisplayNames = PLAIN) -> Table:
    """A row per value of `by`, noise and pair of methods.

    differences: from `noisylab.analysis.comparisons.compare` with the same `by`.
    """
    ratios = _ratios(differences)
    rows = tuple(
        (*_pair(row, (*by, "noise")), str(row["n"]), *_difference(row), *_times(row, ratios))
        for row in _named(differences, names).to_dict("records")
    )
    columns = _pair_columns(differences, (*by, "noise"), ("seeds", "mean ± 95 % interval", "p"))
    caption = f"Under each noise: {_in_points(differences)}, paired by seed ({_family(differences)})"
    return Table(caption, columns, rows, sections=len(by) + 1)


def accuracy_table(
    results: pandas.DataFrame,
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    names: DisplayNames = PLAIN,
) -> Table:
    """A row per value of `by` and method, a column per noise: mean ± 95 % interval in percent, and the exposure.

    The best method under a noise is bold if it is significantly above all others. The column `from` tells how faithful a
    method is to its publication. Raises ValueError if the runs differ in a setting that is not in `by`.
    """
    summary, best = summarise(results, by, [measure]), leaders(results, measure, by)
    significant = {_key(row, (*by, "noise", "method")) for row in best.to_dict("records") if row["significant"]}
    noises = list(dict.fromkeys(summary["noise"]))
    exposure = _exposure(summary)
    called = _called(names, "method", results["method"])
    fidelity = dict(zip(results["method"], results["fidelity"], strict=True)) if "fidelity" in results else {}
    rows: list[tuple[str, ...]] = []
    bold = set()
    for key, group in summary.groupby([*by, "method"], sort=False, dropna=False):
        origin = (LETTERS[fidelity[key[-1]]],) if fidelity else ()
        cells = dict.fromkeys(noises, "-")
        for row in group.to_dict("records"):
            cells[row["noise"]] = _measured(measure, row[measure], row[f"{measure}_ci95_half"])
            if _key(row, (*by, "noise", "method")) in significant:
                bold.add((len(rows), len(key) + len(origin) + noises.index(row["noise"])))
        *settings, method = key
        counts = (short_count(group[name].mean()) for name in exposure)
        rows.append((*map(str, settings), called[str(method)], *origin, *cells.values(), *counts))
    text = (Column(name.replace("_", " "), text=True) for name in (*by, "method", *(["from"] if fidelity else [])))
    heads = _called(names, "noise", noises)
    columns = (*text, *map(Column, (*(heads[noise] for noise in noises), *map(column_name, exposure))))
    said = [
        protocol(results, names),
        *_budget(results),
        "Bold: significantly above every other method (paired t-tests, Holm, p < .05)",
    ]
    if "images_total" in exposure:
        said.append(EXPLAINED["images_total"].capitalize())
    said += _overrides(results)
    if fidelity:
        said.append(f"From: {', '.join(MEANINGS[name] for name in MEANINGS if name in fidelity.values())}")
    return Table(". ".join(said), columns, tuple(rows), frozenset(bold), sections=len(by))


def points_table(
    results: pandas.DataFrame,
    baselines: Sequence[str],
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    names: DisplayNames = PLAIN,
) -> Table:
    """A row per value of `by` and pair of methods, a column per noise: the paired difference in points and Holm's p.

    The correction is over the whole table. Raises ValueError if the runs differ in a setting that is not in `by`.
    """
    differences = _named(compare(results, measure, baselines, by), names)
    ratios = _ratios(differences)
    noises = list(dict.fromkeys(differences["noise"]))
    rows = []
    for key, group in differences.groupby([*by, "method", "baseline"], sort=False, dropna=False):
        cells = dict.fromkeys(noises, "-")
        for row in group.to_dict("records"):
            p = f" ({format_p(row['p_holm'])})" if row["p_holm"] == row["p_holm"] else ""
            cells[row["noise"]] = format_interval(row["difference"], row["difference_ci95_half"], sign="+") + p
        *settings, method, baseline = map(str, key)
        rows.append((*settings, f"{method} - {baseline}", *cells.values(), *_times(group.mean(numeric_only=True), ratios)))
    text = (Column(name.replace("_", " "), text=True) for name in (*by, "difference"))
    said = [
        protocol(results, names),
        *_budget(results),
        "Differences in points, paired by seed (p: paired t-test, Holm over the table)",
    ]
    columns = (*text, *map(Column, (*noises, *_times_names(differences))))
    return Table(". ".join(said), columns, tuple(rows), sections=len(by))


def states_table(runs: pandas.DataFrame, names: DisplayNames = PLAIN) -> Table:
    """A row per noise and method, a column per state: how many of the planned runs are in it.

    runs: the planned runs, with `noise`, `method` and `state`.
    """
    states = [state for state in ("done", "running", "failed", "begun", "planned") if (runs["state"] == state).any()]
    rows = tuple(
        (str(noise), str(method), *(f"{(group['state'] == state).sum():,}" for state in states))
        for noise, under in _named(runs, names).groupby("noise", sort=False)
        for method, group in under.groupby("method", sort=False)
    )
    columns = (Column("noise", text=True), Column("method", text=True), *map(Column, states))
    return Table("Planned runs by their state", columns, rows, sections=1)


def protocol(results: pandas.DataFrame, names: DisplayNames = PLAIN) -> str:
    """The settings that all runs of a table share, as one sentence."""
    first, different = results.iloc[0], differing_settings(results)
    said = {
        ("data",): names.data(str(first["data"])),
        ("train_size",): counted(int(first["train_size"]), "training sample"),
        ("model",): str(first["model"]),
        ("budget", "epochs"): training_length(first),
        ("batch_size",): f"batch {first['batch_size']}",
    }
    task = ", ".join(text for names, text in said.items() if not different.keys() & set(names))
    seeds = results.groupby(["noise", "method"])["seed"].nunique()
    if seeds.max() == 1:
        return f"{task}: test accuracy in percent at the last epoch, one seed"
    count = " to ".join(dict.fromkeys(map(str, (seeds.min(), seeds.max()))))
    measure = "test accuracy in percent at the last epoch, mean ± 95 % interval (Student t)"
    return f"{task}: {measure} over {count} seeds"


def column_name(column: str) -> str:
    """The name of a column of `results.csv` in tables and figures."""
    return NAMES.get(column, column.replace("_", " "))


def _measured(measure: str, mean: float, half: float) -> str:
    if is_share(measure):
        return format_interval(mean, half)
    if math.isnan(mean):
        return "-"
    return _digits(mean, 4) + ("" if math.isnan(half) else f" ± {_digits(half, 2)}")


def _digits(value: float, count: int) -> str:
    """A number with at least so many significant digits, zeros at the end included unless it is a whole one."""
    if float(value).is_integer() or abs(value) >= 10**count:
        return f"{value:,.0f}"
    return f"{value:#,.{count}g}".rstrip(".")


def _budget(results: pandas.DataFrame) -> list[str]:
    """What the budget of the runs makes equal, or what each of them does, as a sentence."""
    budgets = list(dict.fromkeys(results["budget"])) if "budget" in results else []
    if len(budgets) == 1:
        return [f"Budget: {BUDGETS[budgets[0]]}"]
    return [f"Budgets: {'; '.join(f'{name}: {BUDGETS[name]}' for name in budgets)}"] if budgets else []


def _pair(row: dict[Any, Any], leading: Sequence[str]) -> tuple[str, ...]:
    return (*(str(row[name]) for name in leading), f"{row['method']} - {row['baseline']}")


def _pair_columns(differences: pandas.DataFrame, leading: Sequence[str], numbers: Sequence[str]) -> tuple[Column, ...]:
    text = (Column(name.replace("_", " "), text=True) for name in leading)
    # Wide enough for "mean ± 95 %".
    heads = (Column(name, fold=11) for name in (*numbers, *_times_names(differences)))
    return (*text, Column("difference", text=True), *heads)


def _difference(row: dict[Any, Any]) -> tuple[str, str]:
    """The difference with its interval, and p."""
    half, p = row["difference_ci95_half"], format_p(row["p_holm"])
    if is_share(row["measure"]):
        return format_interval(row["difference"], half, sign="+"), p
    return f"{row['difference']:+,.3g}" + ("" if math.isnan(half) else f" ± {half:,.2g}"), p


def _ratios(differences: pandas.DataFrame) -> list[str]:
    """The exposures whose ratio a table shows: that of all images only if it differs from that of images."""
    held = [name for name in EXPOSURE if f"{name}_ratio" in differences]
    first, total = "images_processed", "images_total"
    if {first, total} <= set(held) and (differences[f"{first}_ratio"] == differences[f"{total}_ratio"]).all():
        held.remove(total)
    return held


def _times_names(differences: pandas.DataFrame) -> list[str]:
    return [f"{column_name(name)} ratio" for name in _ratios(differences)]


def _times(row: "dict[Any, Any] | pandas.Series[Any]", ratios: Sequence[str]) -> tuple[str, ...]:
    """How many times the baseline's exposure the method had."""
    return tuple(f"{row[f'{name}_ratio']:.2f}" for name in ratios)


def _called(names: DisplayNames, kind: Kind, specs: Iterable[str]) -> dict[str, str]:
    """The whole name of each spec; no two get one."""
    return names.short(kind, list(specs), longest=10_000)


def _named(table: pandas.DataFrame, names: DisplayNames) -> pandas.DataFrame:
    """The table with the names of methods, noises and data for readers."""
    kinds: dict[Kind, list[str]] = {"method": ["method", "baseline"], "noise": ["noise"], "data": ["data"]}
    for kind, columns in kinds.items():
        held = [column for column in columns if column in table]
        called = _called(names, kind, (spec for column in held for spec in table[column]))
        table = table.assign(**{column: table[column].map(called) for column in held})
    return table


def _in_points(differences: pandas.DataFrame) -> str:
    measure = str(differences["measure"].iloc[0]) if len(differences) else "test_accuracy_last"
    name = "last-epoch test accuracy" if measure == "test_accuracy_last" else measure.replace("_", " ")
    return f"{name} in points" if is_share(measure) else name


def _family(differences: pandas.DataFrame) -> str:
    count = differences["p"].notna().sum()
    times = "; ratios: the method's over the baseline's" if _times_names(differences) else ""
    return f"p: Holm over {counted(int(count), 'test')}{times}"


def _key(row: dict[Any, Any], columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in columns)
