"""The tables of a study's results, made once for the terminal, Markdown, LaTeX and the page."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pandas

from noisylab.analysis.comparisons import leaders
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import measures_of, summarise
from noisylab.analysis.variance import counted_seeds
from noisylab.core.lines import counted
from noisylab.report.table import Column, Table
from noisylab.report.wording import (
    EXPLAINED,
    INTERVAL,
    LETTERS,
    MEANINGS,
    PLAIN,
    RATES,
    called,
    column_name,
    design_said,
    exposures,
    measured,
    named,
    noise_heads,
    overrides_said,
    protocol,
    short_count,
    task,
    with_rate,
)

# What the first table leaves out of a narrow terminal, the first of these first.
LEAVE = (
    *("consistency_clean", "test_accuracy_gap", "consistency_mislabelled", "test_accuracy_peak", "test_accuracy_last10"),
    *("test_accuracy_selected", "memorised"),
)

# Characters per line of a heading over numbers.
HEADING = 9


def results_table(
    results: pandas.DataFrame,
    by: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    names: DisplayNames = PLAIN,
    width: int | None = None,
    measure: str | None = None,
) -> Table:
    """A row per value of `by`, noise and method, with the measures and the exposure.

    columns: the measures (see `noisylab.analysis.tables.summarise`). width: of a terminal; unless the columns are given, those
    for which there is no room are left out (`LEAVE`), and the caption says so. measure: one that stands first, and is never
    left out, unless the columns are given.

    Raises ValueError if the runs differ in a setting that is not in `by`, or a column is not one of numbers.
    """
    asked = usual_measures(results, measure) if columns is None else columns
    summary = summarise(results, by, asked)
    measures = measures_of(results, asked)
    if columns is None:
        measures = [name for name in measures if summary[name].notna().any()]
    left_out: list[str] = []
    table = _results_table(results, summary, by, measures, left_out, names)
    for name in LEAVE if columns is None and width is not None else ():
        if width is None or table.fits(width):
            break
        if name in measures and name != measure:
            measures.remove(name)
            left_out.append(name)
            table = _results_table(results, summary, by, measures, left_out, names)
    return table


def usual_measures(results: pandas.DataFrame, measure: str | None = None) -> list[str]:
    """The measures of the first table if a reader chose none, `measure` before all others."""
    return list(dict.fromkeys([*([] if measure is None else [measure]), *measures_of(results)]))


def _results_table(
    results: pandas.DataFrame,
    summary: pandas.DataFrame,
    by: Sequence[str],
    measures: Sequence[str],
    left_out: Sequence[str],
    names: DisplayNames,
) -> Table:
    exposure = [name for name in exposures(summary) if name not in measures]
    text = [Column(name.replace("_", " "), text=True) for name in (*by, "noise")]
    rows = tuple(
        (
            *(str(row[name]) for name in by),
            with_rate(row),
            str(row["method"]),
            str(row["n"]),
            *(measured(name, row[name], row[f"{name}_ci95_half"]) for name in measures),
            *(short_count(row[name]) for name in exposure),
        )
        for row in named(summary, names).to_dict("records")
    )
    shown = (*measures, *exposure)
    heads = (*text, Column("method", text=True), Column("seeds"), *(Column(column_name(n), fold=HEADING) for n in shown))
    over = f"{INTERVAL} over {counted_seeds(summary['n'], results)}" if summary["n"].max() > 1 else "one seed each"
    said = [f"{task(results, names)}: last epoch, shares in percent, {over}; {RATES}", *design_said(results)]
    if explained := [text for name, text in EXPLAINED.items() if name in shown]:
        said.append("; ".join(explained))
    said += overrides_said(results)
    if left_out:
        said.append(f"More columns (noisylab compare --columns): {', '.join(sorted(left_out, key=list(summary).index))}")
    return Table(". ".join(said), heads, rows, sections=len(by) + 1)


def accuracy_table(
    results: pandas.DataFrame,
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    names: DisplayNames = PLAIN,
    tested: pandas.DataFrame | None = None,
) -> Table:
    """A row per value of `by` and method, a column per noise: mean ± 95 % interval in percent, and the exposure.

    The best method under a noise is bold if its accuracy is significantly above all others, also those of `tested` that are not
    shown (None: the results). The column `from` tells how faithful a method is to its publication.

    Raises ValueError if the runs differ in a setting that is not in `by`.
    """
    summary, higher = summarise(results, by, [measure]), "accuracy" in measure and not measure.endswith("gap")
    best = leaders(results if tested is None else tested, measure, by) if higher else pandas.DataFrame({"tests": []})
    tests = int(best["tests"].max()) if len(best) else 0
    significant = {_key(row, (*by, "noise", "method")) for row in best.to_dict("records") if row["significant"]}
    noises = list(dict.fromkeys(summary["noise"]))
    exposure = exposures(summary)
    shown = called(names, "method", results["method"])
    fidelity = dict(zip(results["method"], results["fidelity"], strict=True)) if "fidelity" in results else {}
    rows: list[tuple[str, ...]] = []
    bold = set()
    for key, group in summary.groupby([*by, "method"], sort=False, dropna=False):
        origin = (LETTERS[fidelity[key[-1]]] + "*" * _is_variant(key[-1]),) if fidelity else ()
        cells = dict.fromkeys(noises, "-")
        for row in group.to_dict("records"):
            cells[row["noise"]] = measured(measure, row[measure], row[f"{measure}_ci95_half"])
            if _key(row, (*by, "noise", "method")) in significant:
                bold.add((len(rows), len(key) + len(origin) + noises.index(row["noise"])))
        *settings, method = key
        counts = (short_count(group[name].mean()) for name in exposure)
        rows.append((*map(str, settings), shown[str(method)], *origin, *cells.values(), *counts))
    text = (Column(name.replace("_", " "), text=True) for name in (*by, "method", *(["from"] if fidelity else [])))
    heads = noise_heads(results, names)
    columns = (*text, *map(Column, (*(heads[noise] for noise in noises), *map(column_name, exposure))))
    said = [
        f"{protocol(results, names, measure)}; {RATES}",
        *design_said(results),
        *(
            [f"Bold: significantly above every other method (paired t-tests, Holm over {counted(tests, 'test')}, p < .05)"]
            if tests
            else []
        ),
    ]
    if "images_total" in exposure:
        said.append(EXPLAINED["images_total"].capitalize())
    said += overrides_said(results)
    if fidelity:
        varied = ["*: with other options than the usual ones"] if any(map(_is_variant, fidelity)) else []
        said.append(f"From: {', '.join([*(MEANINGS[name] for name in MEANINGS if name in fidelity.values()), *varied])}")
    return Table(". ".join(said), columns, tuple(rows), frozenset(bold), sections=len(by))


def states_table(runs: pandas.DataFrame, names: DisplayNames = PLAIN) -> Table:
    """A row per noise and method, a column per state: how many of the planned runs are in it.

    runs: the planned runs, with `noise`, `method` and `state`.
    """
    states = [state for state in ("done", "running", "failed", "begun", "planned") if (runs["state"] == state).any()]
    rows = tuple(
        (str(noise), str(method), *(f"{(group['state'] == state).sum():,}" for state in states))
        for noise, under in named(runs, names).groupby("noise", sort=False)
        for method, group in under.groupby("method", sort=False)
    )
    columns = (Column("noise", text=True), Column("method", text=True), *map(Column, states))
    return Table("Planned runs by their state", columns, rows, sections=1)


def _key(row: dict[Any, Any], columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in columns)


def _is_variant(method: Hashable) -> bool:
    """Whether a method has options of its own, so that it is not as published."""
    return "(" in (spec := str(method).partition("@")[0]) or ":" in spec
