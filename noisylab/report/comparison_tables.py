"""Tables of differences between methods: primary contrasts with their power, and comparisons under each noise."""

from collections.abc import Sequence
from typing import Any

import pandas

from noisylab.analysis.comparisons import compare
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.statistics import format_p
from noisylab.analysis.tables import EXPOSURE, in_words, is_share
from noisylab.analysis.variance import counted_seeds
from noisylab.core.lines import counted, least_to_most
from noisylab.report.table import Column, Table
from noisylab.report.wording import (
    INTERVAL,
    PLAIN,
    RATES,
    column_name,
    design_said,
    measured,
    named,
    noise_heads,
    protocol,
    task,
)


def contrasts_table(
    contrasts: pandas.DataFrame,
    by: Sequence[str] = (),
    names: DisplayNames = PLAIN,
    results: pandas.DataFrame | None = None,
) -> Table:
    """A row per value of `by` and primary contrast.

    contrasts: from `noisylab.analysis.comparisons.primary_contrasts` with the same `by`. results: the rows of `results.csv`, if
    the table stands alone: its caption tells the protocol, and the counts and ratios that are the same in all rows.
    """
    points, ratios = _in_points(contrasts), _ratios(contrasts)
    # Headings, and the texts below them.
    counts = {"noises": contrasts["noises"].map(str), "seeds": contrasts["n"].map(str)}
    times = {f"{column_name(name)} ratio": contrasts[f"{name}_ratio"].map("{:.2f}".format) for name in ratios}
    caption = f"Primary contrasts: {points}, mean over the noisy settings of a seed, paired by seed ({_family(contrasts)})"
    if results is not None and len(contrasts):
        over = f"{INTERVAL} over {counted_seeds(contrasts['n'], results)}" if contrasts["n"].max() > 1 else "one seed"
        mean = "under one noisy setting"
        if contrasts["noises"].max() > 1:
            mean = f"a seed's mean over {least_to_most(contrasts['noises'])} noisy settings"
        alike = {head: texts.iloc[0] for head, texts in times.items() if texts.nunique() == 1}
        counts, times = ({head: texts for head, texts in held.items() if texts.nunique() > 1} for held in (counts, times))
        throughout = "".join(f", {head} {text} in all rows" for head, text in alike.items())
        shown = f"Primary contrasts: {points}, {mean}, paired by seed: {over} ({_family(contrasts)}{throughout})"
        caption = ". ".join([task(results, names), *design_said(results), shown])
    rows = tuple(
        (
            *_pair(row, by),
            *(texts.iloc[place] for texts in counts.values()),
            *_difference(row),
            *(texts.iloc[place] for texts in times.values()),
        )
        for place, row in enumerate(named(contrasts, names).to_dict("records"))
    )
    return Table(caption, _pair_columns(by, (*counts, "mean ± 95 % interval", "p", *times)), rows, sections=len(by))


def nothing_pooled(results: pandas.DataFrame, differences: pandas.DataFrame, names: DisplayNames = PLAIN) -> str:
    """Why a study has no primary contrasts, and no `differences` if there are none, as a sentence: what its runs lack."""
    methods = {method: names.method(method) for method in dict.fromkeys(results["method"])}
    if len(methods) == 1:
        return f"no differences: all finished runs are of {next(iter(methods.values()))}"
    if len(differences):
        noisy = results["realised_rate"].any()
        lack = "no pair of methods has a seed with all its noisy settings" if noisy else "no run has mislabelled samples"
        return f"no primary contrasts, which are over noisy settings: {lack}"
    held = [
        f"{methods[str(method)]} has {counted(len(rows), 'run')} of seed {', '.join(map(str, sorted(set(rows['seed']))))}"
        for method, rows in results.groupby("method", sort=False)
    ]
    return f"no differences: no two methods have finished runs of one seed under one noise; {'; '.join(held)}"


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
    tests = max([0, *contrasts["tests"]])
    strictest = f"p < {f'{level:g}'.removeprefix('0')}" + (f" / {tests}, Holm's strictest" if tests > 1 else "")
    lines = []
    for row in named(contrasts, names).to_dict("records"):
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
        for row in named(differences, names).to_dict("records")
    )
    heads = ("seeds", "mean ± 95 % interval", "p", *_times_names(differences))
    columns = _pair_columns((*by, "noise"), heads)
    caption = f"Under each noise: {_in_points(differences)}, paired by seed ({_family(differences)})"
    return Table(caption, columns, rows, sections=len(by) + 1)


def points_table(
    results: pandas.DataFrame,
    baselines: Sequence[str] | None = None,
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    names: DisplayNames = PLAIN,
    *,
    differences: pandas.DataFrame | None = None,
) -> Table:
    """A row per value of `by` and pair of methods, a column per noise: the paired difference in points and Holm's p.

    differences: from `noisylab.analysis.comparisons.compare` with the same `measure` and `by`; None: those of all methods with
    each of the baselines.

    The correction is over the differences of each noise (see `noisylab.analysis.comparisons.compare`).

    Raises ValueError if the runs differ in a setting that is not in `by`.
    """
    found = compare(results, measure, baselines, by) if differences is None else differences
    differences = named(found, names)
    ratios = _ratios(differences)
    # What a noise is called, and its spec.
    noises = dict(zip(differences["noise"], found["noise"], strict=True))
    rows = []
    for key, group in differences.groupby([*by, "method", "baseline"], sort=False, dropna=False):
        cells = dict.fromkeys(noises, "-")
        for row in group.to_dict("records"):
            p = f" ({format_p(row['p_holm'])})" if row["p_holm"] == row["p_holm"] else ""
            cells[row["noise"]] = measured(measure, row["difference"], row["difference_ci95_half"], sign="+") + p
        *settings, method, baseline = map(str, key)
        rows.append((*settings, f"{method} - {baseline}", *cells.values(), *_times(group.mean(numeric_only=True), ratios)))
    text = (Column(name.replace("_", " "), text=True) for name in (*by, "difference"))
    said = [
        f"{protocol(results, names, measure)}; {RATES}",
        *design_said(results),
        f"Differences{' in points' if is_share(measure) else ''}, paired by seed ({_tested(found)})",
    ]
    heads = noise_heads(results, names)
    columns = (*text, *map(Column, (*(heads[noise] for noise in noises.values()), *_times_names(differences))))
    return Table(". ".join(said), columns, tuple(rows), sections=len(by))


def _pair(row: dict[Any, Any], leading: Sequence[str]) -> tuple[str, ...]:
    return (*(str(row[name]) for name in leading), f"{row['method']} - {row['baseline']}")


def _pair_columns(leading: Sequence[str], numbers: Sequence[str]) -> tuple[Column, ...]:
    text = (Column(name.replace("_", " "), text=True) for name in leading)
    # Wide enough for "mean ± 95 %".
    return (*text, Column("difference", text=True), *(Column(name, fold=11) for name in numbers))


def _difference(row: dict[Any, Any]) -> tuple[str, str]:
    """The difference with its interval, and p."""
    return measured(row["measure"], row["difference"], row["difference_ci95_half"], sign="+"), format_p(row["p_holm"])


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


def _in_points(differences: pandas.DataFrame) -> str:
    measure = str(differences["measure"].iloc[0]) if len(differences) else "test_accuracy_last"
    return in_words(measure).replace(" (points)", " in points")


def _family(differences: pandas.DataFrame) -> str:
    times = "; ratios: the method's over the baseline's" if _times_names(differences) else ""
    return f"{_tested(differences)}{times}"


def _tested(differences: pandas.DataFrame) -> str:
    return f"p: paired t-tests, {_holm(differences)}" if any(differences["tests"]) else "no p, which needs two seeds"


def _holm(differences: pandas.DataFrame) -> str:
    """Over how many tests p is corrected: `Holm over 2 tests`, or `Holm over the 3 tests of each noise`."""
    counts = sorted(set(differences["tests"])) or [0]
    said = counted(counts[-1], "test") if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]} tests"
    return f"Holm over the {said} of each noise" if "noise" in differences else f"Holm over {said}"
