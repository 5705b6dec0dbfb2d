"""Test accuracy against the noise rate."""

import re
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes

from noisylab.analysis.tables import is_share, summarise
from noisylab.core.registries import FIGURES, NOISES
from noisylab.plotting.captions import drawn_singly, spread
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import band, seed_dots, with_runs
from noisylab.plotting.findings import over_rates
from noisylab.plotting.looks import Look, looks, number_lines
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import WIDTHS, Width, exposure_legend, has_room, inches, narrow, panel_grid, paper_style

SHOWN = "Test accuracy against the noise rate"
# The panel of noises that have no rate on an axis.
APART = "other noises"
# Ticks for more rates would be written over one another.
TICKS = 7
# Characters of a name below the methods under a noise.
SHORT = 32


def accuracy_against_rate(
    summary: pandas.DataFrame,
    *,
    measure: str = "test_accuracy_last",
    seeds: pandas.DataFrame | None = None,
    names: Mapping[float, str] | None = None,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """One line per method, with its 95 % interval as a band or with a dot per seed.

    Args:
        summary: Rows of `noisylab.analysis.tables.summarise` of one noise kind: nominal_rate, method, `measure` and its
            `_ci95_half`.
        measure: a column of `summary`.
        seeds: A row per run: nominal_rate, method and `measure`, drawn as dots instead of bands. None: bands.
        names: The names of some rates, below them. None: none has one.
        styles: The look of each method (`looks`). None: allotted over those in `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    methods = list(map(str, summary["method"].unique()))
    held = looks(methods) if styles is None else styles
    for method, rows in summary.groupby("method", sort=False):
        rows, look = rows.sort_values("nominal_rate"), held[str(method)]
        ax.plot(rows["nominal_rate"], rows[measure], **look | kwargs)
        if seeds is not None:
            dots = seeds[seeds["method"] == method]
            seed_dots(dots["nominal_rate"], dots[measure], look, ax)
            continue
        low, high = band(rows, measure, share=is_share(measure))
        ax.fill_between(rows["nominal_rate"], low, high, color=look["color"], alpha=0.18, linewidth=0)
        if len(rows) == 1:
            # A band over a single rate would have no width.
            ax.vlines(rows["nominal_rate"], low, high, color=look["color"], alpha=0.4)
    number_lines(ax)
    rates = sorted(summary["nominal_rate"].unique())
    if names or len(rates) <= TICKS:
        # Of many rates, the ends and those with a name.
        marked = rates if len(rates) <= TICKS else sorted({rates[0], rates[-1], *(names or {})})
        called = {rate: "\n".join(narrow([name], 16)) for rate, name in (names or {}).items()}
        ax.set_xticks(marked, [f"{rate:g}" + (f"\n{called[rate]}" if rate in called else "") for rate in marked])
    return ax


def accuracy_of_noises(
    summary: pandas.DataFrame,
    *,
    measure: str = "test_accuracy_last",
    seeds: pandas.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """The methods side by side under each noise, for noises that no axis of rates can order.

    Args:
        summary: Rows of `noisylab.analysis.tables.summarise`: noise, method, `measure` and its `_ci95_half`.
        measure: a column of `summary`.
        seeds: A row per run: noise, method and `measure`, drawn as dots instead of intervals. None: intervals.
        names: The name of each noise below it. None: as it is.
        styles: The look of each method (`looks`). None: allotted over those in `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    methods, noises = (list(map(str, summary[column].unique())) for column in ("method", "noise"))
    held = looks(methods) if styles is None else styles
    for place, method in enumerate(methods):
        look = held[method] | {"linestyle": "none"}
        beside = (place - (len(methods) - 1) / 2) * 0.8 / len(methods)
        rows = summary[summary["method"] == method]
        at, reach = rows["noise"].map(noises.index) + beside, None
        if seeds is not None:
            dots = seeds[seeds["method"] == method]
            seed_dots(dots["noise"].map(noises.index) + beside, dots[measure], look, ax)
        elif (rows[f"{measure}_ci95_half"] > 0).any():
            low, high = band(rows, measure, share=is_share(measure))
            reach = np.array([rows[measure] - low, high - rows[measure]])
        ax.errorbar(at, rows[measure], yerr=reach, **{"capsize": 1.5, "elinewidth": 0.8} | look | kwargs)
    ax.set_xticks(range(len(noises)), narrow([noise if names is None else names[noise] for noise in noises], 16))
    ax.set_xlim(-0.5, len(noises) - 0.5)
    ax.grid(visible=False, axis="x")
    return ax


@FIGURES.register("noise_robustness", caption=SHOWN)
def noise_robustness_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A panel for each noise kind, with a line per method. Runs without noise are in every panel.

    Noises without a rate, such as those from files, and kinds with one rate alone share a panel, with the methods side by side;
    so does a chosen noise (--noise), alone. Own names of noises (--label) stand below their rates.
    """
    runs.check_alike()
    asked = runs.ordered[runs.ordered["noise"] == runs.noise] if runs.chosen else runs.ordered
    shown = runs.fitting(asked)
    summary, styles = summarise(shown), runs.looks_of(shown["method"])
    panels = _panels(summary)
    kinds, panels = len(panels), dict(list(panels.items())[: runs.room(len(panels))])
    singly = drawn_singly(shown)
    with paper_style():
        across = min(len(panels), 2) if has_room(width) else 1
        # About twelve letters per inch.
        beside = list(dict.fromkeys(panels[APART]["noise"])) if APART in panels else []
        names = runs.names.short("noise", beside, SHORT)
        alone = sum(map(len, names.values())) > 30
        size = inches(width) if across == 2 or alone else min(inches(width), WIDTHS["column"])
        figure, grid, axes = panel_grid(len(panels), across, width=size, row=2.4, rest=0.5, sharey=True)
        for ax, (kind, rows) in zip(axes, panels.items(), strict=True):
            noises = list(dict.fromkeys(rows["noise"]))
            seeds = shown[shown["noise"].isin(noises)] if singly else None
            if kind == APART:
                accuracy_of_noises(rows, seeds=seeds, names=names, styles=styles, ax=ax)
                ax.set(xlabel="noise")
                continue
            own = rows[rows["noise"].isin(runs.names.labels)].drop_duplicates("noise")
            named = {row["nominal_rate"]: runs.names.noise(row["noise"]) for row in own.to_dict("records")}
            accuracy_against_rate(rows, seeds=seeds, names=named, styles=styles, ax=ax)
            partial = kind.split("(")[0] == "asymmetric"
            ax.set(
                title=narrow([runs.names.short("noise", [kind], LONGEST)[kind]], 32)[0],
                xlabel="flip probability of the mapped classes" if partial else "noise rate (nominal)",
            )
        for ax in grid[:, 0]:
            ax.set_ylabel("test accuracy, last epoch")
        exposure_legend(figure, axes, summary, styles)
        said = spread(shown, single="small", mean="large", interval="band or bar" if APART in panels else "band")
        part = f", {len(panels)} of {kinds} kinds of noise" if len(panels) < kinds else ""
        figure.suptitle(f"{runs.title}{runs.part(shown['method'], asked)}{part}\n{said}", wrap=True)
    runs_of = [shown[shown["noise"].isin(rows["noise"])].rename(columns={"id": "run"}) for rows in panels.values()]
    tables = [with_runs(rows, of if singly else None) for rows, of in zip(panels.values(), runs_of, strict=True)]
    parts = [table.assign(panel=kind) for kind, table in zip(panels, tables, strict=True)]
    finding = over_rates(summary, "test_accuracy_last", "Test accuracy at the last epoch", runs)
    shown_as = "Test accuracy under each noise" if list(panels) == [APART] else SHOWN
    return DrawnFigure(figure, pandas.concat(parts, ignore_index=True), shown_as, finding=finding)


def _panels(summary: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """The rows of each panel by its kind of noise."""
    is_clean = summary["realised_rate"] == 0
    clean, noisy = summary[is_clean], summary[~is_clean]
    # There may be several noises of rate 0, which are all the same.
    clean = clean.drop_duplicates("method")
    rated = noisy["noise"].map(_has_rate).astype(bool)
    panels: dict[str, pandas.DataFrame] = {}
    for kind, rows in noisy[rated].groupby("noise_kind", sort=False):
        joined = pandas.concat([clean, rows])
        if joined["nominal_rate"].nunique() > 1:
            panels[str(kind)] = joined
    in_lines = [noise for rows in panels.values() for noise in rows["noise"]]
    others = noisy[~noisy["noise"].isin(in_lines)]
    if len(others) or not panels:
        panels[APART] = pandas.concat([clean, others])
    return panels


def _has_rate(noise: str) -> bool:
    """Whether a noise is a kind at a rate, so that noises of its kind are in order on an axis."""
    entry = NOISES.entries().get(re.split("[:(]", noise)[0])
    return entry is not None and entry.main == "rate"
