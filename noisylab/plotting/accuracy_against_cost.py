"""Test accuracy of the methods against what a run of them costs."""

from collections.abc import Mapping
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from noisylab.analysis.tables import summarise
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import drawn_singly, spread
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import band, with_runs
from noisylab.plotting.findings import number, percent, told
from noisylab.plotting.looks import Look, looks
from noisylab.plotting.memorisation import usual_noises
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import WIDTHS, Width, has_room, inches, legend_entries, panel_grid, paper_style, shared_legend

Cost = Literal["images_total", "images_processed", "seconds"]

COSTS: dict[Cost, str] = {
    "images_total": "thousand images, all networks",
    "images_processed": "thousand images, measured network",
    "seconds": "seconds of training",
}
MEASURE = "test_accuracy_last"
# The most noises on a page and in a column, and the most methods.
MOST, METHODS = {True: 3, False: 2}, 13


def cost_points(
    summary: pandas.DataFrame,
    cost: str = "images_total",
    *,
    seeds: pandas.DataFrame | None = None,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A point for each method with its 95 % interval or a small point per seed, and in grey the best accuracy at each cost.

    Args:
        summary: A row per method: method, `cost`, test_accuracy_last and its `_ci95_half`.
        cost: A column of `summary`.
        seeds: A row per run: method, `cost` and test_accuracy_last, drawn instead of intervals. None: intervals.
        styles: The look of each method (`looks`). None: allotted over those in `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    held = looks(list(map(str, summary["method"]))) if styles is None else styles
    for method, rows in summary.groupby("method", sort=False):
        look = held[str(method)] | {"linestyle": "none"}
        reach = None
        if seeds is not None:
            own = seeds[seeds["method"] == method]
            if len(own) > 1:
                ax.plot(own[cost], own[MEASURE], **look | {"markersize": 2.5, "alpha": 0.5, "label": None})
        elif (rows[f"{MEASURE}_ci95_half"] > 0).all():
            low, high = band(rows, MEASURE, share=True)
            reach = np.array([rows[MEASURE] - low, high - rows[MEASURE]])
        style = {"markersize": 5, "capsize": 1.5, "elinewidth": 0.9} | look
        ax.errorbar(rows[cost], rows[MEASURE], yerr=reach, **style | kwargs)
    best = summary.sort_values([cost, MEASURE], ascending=[True, False])
    best = best[best[MEASURE] > best[MEASURE].cummax().shift(fill_value=-np.inf)]
    if len(best) > 1:
        step: dict[str, Any] = {"drawstyle": "steps-post", "color": "0.75", "linewidth": 1, "zorder": 0, "gid": "guide"}
        ax.plot(best[cost], best[MEASURE], label="best accuracy up to this cost", **step)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    if cost != "seconds":
        ax.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images / 1000:g}"))
    ax.set_xlim(0, 1.08 * ax.dataLim.x1)
    return ax


@FIGURES.register("accuracy_against_cost", caption="Test accuracy against the cost of a run")
def accuracy_against_cost_figure(
    runs: StudyRuns, *, cost: Cost | None = None, noises: tuple[str, ...] = (), width: Width = "page"
) -> DrawnFigure:
    """A panel for each noise, with a point for each method; in grey the best accuracy that a cost buys.

    cost: images_total (through all networks of a method, teachers and peers included), images_processed (through the measured
    network) or seconds, which compare runs of one machine alone (none: images_total, or seconds if all methods have equally
    many). noises: as the tables name them (none: the chosen one, or up to three of the study's).
    """
    runs.check_alike()
    results = runs.ordered
    cost = _differing(results) if cost is None else cost
    if cost not in results or results[cost].isna().any():
        there = ", ".join(name for name in COSTS if name in results and results[name].notna().all())
        raise ValueError(f"not all runs have {cost}; choose another cost, of {there}")
    known = list(dict.fromkeys(results["noise"]))
    wide, noisy = has_room(width), results.loc[results["realised_rate"] > 0, "noise"].nunique()
    kept = list(noises) or (usual_noises(runs, MOST[wide]) if noisy and not runs.chosen else [runs.noise])
    if unknown := [noise for noise in kept if noise not in known]:
        raise ValueError(f"noises must be of the study's, {', '.join(known)}, got {unknown[0]!r}")
    rows = results[results["noise"].isin(kept)]
    shown = runs.fitting(rows, METHODS)
    costs = shown.groupby(["noise", "method"], sort=False, as_index=False)[cost].mean()
    summary = summarise(shown, columns=[MEASURE]).drop(columns=cost, errors="ignore").merge(costs, on=["noise", "method"])
    singly, styles = drawn_singly(shown), runs.looks_of(shown["method"])
    names = runs.names.short("noise", kept, LONGEST if len(kept) == 1 else 28)
    with paper_style():
        across = min(len(kept), MOST[True]) if wide else 1
        size = inches(width) if across > 1 else min(inches(width), WIDTHS["column"])
        figure, grid, axes = panel_grid(len(kept), across, width=size, row=2.0, rest=0.9, sharex=True, sharey=True)
        for ax, noise in zip(axes, kept, strict=True):
            seeds = shown[shown["noise"] == noise] if singly else None
            cost_points(summary[summary["noise"] == noise], cost, seeds=seeds, styles=styles, ax=ax)
            ax.set_title(names[noise])
        axes[0].set_xlim(0, 1.08 * max(ax.dataLim.x1 for ax in axes))
        for ax in axes[-across:]:
            ax.set_xlabel(COSTS[cost])
            ax.tick_params(labelbottom=True)
        for ax in grid[:, 0]:
            ax.set_ylabel("test accuracy")
        shared_legend(figure, *legend_entries(axes))
        part = "" if noises or runs.chosen else runs.part_of_noises(kept)
        said = spread(shown, single="small", mean="large", interval="bar")
        figure.suptitle(f"{runs.title}{runs.part(shown['method'], rows)}{part}\nlast epoch; {said}", wrap=True)
    of_runs = shown.rename(columns={"id": "run"}) if singly else None
    what, unit = f"Test accuracy at the last epoch, and {COSTS[cost]},", 1 if cost == "seconds" else 1000
    told_costs = told(what, summary, [MEASURE, cost], runs, form=(percent, lambda value: number(value / unit)))
    return DrawnFigure(figure, with_runs(summary, of_runs), finding=told_costs)


def _differing(results: pandas.DataFrame) -> Cost:
    """The first cost in which methods differ; the first there is if they differ in none."""
    costs: list[Cost] = [name for name in COSTS if name in results and results[name].notna().all()]
    means = results.groupby("method")[list(costs)].mean()
    apart = [name for name in costs if name != "images_processed" and means[name].max() > 1.01 * means[name].min()]
    return next(iter([*apart, *costs]), "images_total")
