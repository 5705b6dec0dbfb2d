"""Ranks of the methods over seeds."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes

from noisylab.analysis.comparisons import mean_ranks, seed_ranks
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.statistics import format_p
from noisylab.analysis.variance import counted_seeds
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import SINGLE_SEEDS, which_seed
from noisylab.plotting.critical_difference import DATA_SETS, critical_difference_figure
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import number, told
from noisylab.plotting.looks import REFERENCE_METHODS, Look, looks
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import WIDTHS, Width, has_room, inches, panel_grid, paper_style

SHOWN = "Rank of the methods over the seeds of one data set, under each noise"
TESTS = "Friedman's p is of each noise by itself, without correction for several noises"
# Characters of a name beside a row.
LONGEST = 24
# Inches: beside the rows of a panel, of the figure's title, and of the highest figure in a column and on a page.
HEAD, REST, HIGHEST = 0.55, 1.0, {False: 7.4, True: 8.0}
# Inches of a method's row, and of one with the smallest letters, of so many points.
LINE, LOWEST, SMALL = 0.17, 0.1, 6
# Inches of a letter beside a row and in the title of a panel, and the letters of a p.
LETTER, IN_TITLE, P = 0.065, 0.075, len(", p < .001")


def rank_plot(
    ranks: pandas.DataFrame,
    seeds: pandas.DataFrame | None = None,
    *,
    styles: Mapping[str, Look] | None = None,
    names: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Mean rank of each method with its 95 % interval, best on top, and the ranks in single seeds as pale dots.

    Args:
        ranks: Rows of `noisylab.analysis.comparisons.mean_ranks` of one noise.
        seeds: Rows of `seed_ranks` of that noise; seeds of equal rank share a dot, the larger the more they are. None: no dots.
        styles: The look of each method (`looks`). None: allotted over those in `ranks`.
        names: The name of each method beside its row. None: the usual ones.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    methods = sorted(ranks["method"])
    held = looks(methods) if styles is None else styles
    called = DisplayNames().short("method", methods, LONGEST) if names is None else names
    ordered = ranks.sort_values(["rank", "method"], ascending=False, ignore_index=True)
    for place, row in enumerate(ordered.to_dict("records")):
        color, half = held[row["method"]]["color"], row["rank_ci95_half"]
        # Ranks are from 1 to the number of methods, and equal ranks in all seeds have no interval.
        reach = [[min(half, row["rank"] - 1)], [min(half, len(ordered) - row["rank"])]] if half > 0 else None
        style: dict[str, Any] = {"fmt": "o", "color": color, "markersize": 4, "capsize": 2, "elinewidth": 1} | kwargs
        if seeds is not None:
            for rank, count in seeds.loc[seeds["method"] == row["method"], "rank"].value_counts().items():
                # Seeds with equal ranks would hide one another.
                ax.plot(rank, place, "o", color=color, markersize=3 + 2 * math.sqrt(count), alpha=0.25, markeredgewidth=0)
        ax.errorbar(row["rank"], place, xerr=reach, **style)
    ax.set_yticks(range(len(ordered)), [called[method] for method in ordered["method"]])
    for label, name in zip(ax.get_yticklabels(), ordered["method"], strict=True):
        label.set_fontweight("bold" if name in REFERENCE_METHODS else "normal")
    step = 1 if len(ordered) < 9 else 5
    ax.set_xticks(sorted({1, *range(step, len(ordered) + 1, step)}))
    ax.set(xlim=(0.3, len(ordered) + 0.7), ylim=(-0.7, len(ordered) - 0.3), xlabel="rank (1 = best)")
    ax.grid(axis="y", visible=False)
    return ax


@FIGURES.register("method_ranks", caption=SHOWN)
def method_ranks_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A panel for each noise: the rank of every method in each seed, their mean, and Friedman's p over seeds, uncorrected.

    If not all noises have room, noisy settings come first.

    Seeds of one data set say which methods differ on it, not on others. Over five data sets or more, the figure is a
    critical-difference diagram of the ranks on these instead.
    """
    if runs.results["data"].nunique() >= DATA_SETS:
        return critical_difference_figure(runs, width=width)
    runs.check_alike()
    results = runs.ordered[runs.ordered["noise"] == runs.noise] if runs.chosen else runs.ordered
    ranks, seeds = mean_ranks(results), seed_ranks(results)
    if ranks.empty:
        raise ValueError("under no noise do all methods share a seed, so there are no ranks")
    # Intervals of two or three seeds would be as wide as the axis.
    singly = ranks["n"].max() <= SINGLE_SEEDS
    wide, methods = has_room(width), ranks["method"].nunique()
    noises = runs.names.short("noise", list(dict.fromkeys(ranks["noise"])), 28 if wide else 20)
    names, styles = runs.names.short("method", list(dict.fromkeys(ranks["method"])), LONGEST), runs.looks
    # Long names leave no room for p beside them.
    room = inches(width) / (2 if wide else 1) - LETTER * max(map(len, names.values())) - 0.3
    beside = "\n" if IN_TITLE * (max(map(len, noises.values())) + P) > room else ", "
    line = min(LINE, max(LOWEST, (HIGHEST[wide] - REST - HEAD - 0.2) / methods))
    row = HEAD + max(0.65, line * methods) + (0.15 if beside == "\n" else 0)
    across = min(len(noises), 2) if wide else 1
    most = runs.room(across * max(1, int((HIGHEST[wide] - REST) // row)))
    rates = results.groupby("noise")["realised_rate"].max()
    # Noisy settings get room before clean ones.
    noisy = {noise: name for noise, name in noises.items() if rates[noise] > 0}
    noises = _spread_out(noisy if len(noises) > most and noisy else noises, most)
    ranks, seeds = (table[table["noise"].isin(noises)] for table in (ranks, seeds))
    with paper_style():
        size = inches(width) if across == 2 else min(inches(width), WIDTHS["column"])
        figure, _, axes = panel_grid(len(noises), across, width=size, row=row, rest=REST)
        for ax, (noise, name) in zip(axes, noises.items(), strict=True):
            rows = ranks[ranks["noise"] == noise]
            shown = rows.assign(rank_ci95_half=math.nan) if singly else rows
            rank_plot(shown, seeds[seeds["noise"] == noise], styles=styles, names=names, ax=ax)
            p = rows["friedman_p"].iloc[0]
            ax.set_title(name if math.isnan(p) else f"{name}{beside}p {'< .001' if p < 0.001 else f'= {format_p(p)}'}")
            if line < LINE:
                ax.tick_params(axis="y", labelsize=SMALL)
        for ax in axes[:-across]:
            ax.set_xlabel("")
        part = "" if runs.chosen else runs.part_of_noises(list(noises))
        several, seeds_said = ranks["n"].max() > 1, counted_seeds(ranks["n"], results)
        marks = "dark: mean" if singly else "bars: 95 % interval"
        band = (
            f"pale: {seeds_said} (larger: more), {marks}\none data set; Friedman's p over the seeds, uncorrected"
            if several
            else f"one data set, {which_seed(results)}"
        )
        figure.suptitle(f"{runs.title}{part}\n{band}", wrap=True)
    means = ranks.rename(columns={"rank": "mean_rank", "rank_ci95_half": "mean_rank_ci95_half"})
    finding = told("Mean rank", means, "mean_rank", runs, form=number)
    table, caption = seeds.merge(means, on=["noise", "method"], how="left"), f"{SHOWN}. {TESTS}" if several else SHOWN
    return DrawnFigure(figure, table, caption, finding=finding)


def _spread_out(names: Mapping[str, str], most: int) -> dict[str, str]:
    """At most `most` of the names, from the first to the last."""
    if most == 1:
        return dict(list(names.items())[-1:])
    places = set(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int).tolist())
    return {name: shown for place, (name, shown) in enumerate(names.items()) if place in places}
