"""Ranks of the methods over seeds."""

import math
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes

from noisylab.analysis.comparisons import mean_ranks, seed_ranks
from noisylab.analysis.statistics import format_p
from noisylab.core.foreign_text import short_names
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns, in_order
from noisylab.plotting.style import (
    PALETTE,
    REFERENCE_METHODS,
    WIDTHS,
    Width,
    has_room,
    inches,
    panel_grid,
    paper_style,
    short_labels,
)

OTHERS = (0.35, 0.35, 0.35)


def rank_plot(ranks: pandas.DataFrame, seeds: pandas.DataFrame | None = None, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Mean rank of each method with its 95 % interval, best on top, and the ranks in single seeds as pale dots.

    Args:
        ranks: Rows of `noisylab.analysis.comparisons.mean_ranks` of one noise.
        seeds: Rows of `seed_ranks` of that noise; seeds of equal rank share a dot, the larger the more they are. None: no dots.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    ordered = ranks.sort_values(["rank", "method"], ascending=False, ignore_index=True)
    for place, row in enumerate(ordered.to_dict("records")):
        fixed = REFERENCE_METHODS.get(row["method"])
        color = OTHERS if fixed is None else PALETTE[fixed.color]
        half = None if math.isnan(row["rank_ci95_half"]) else row["rank_ci95_half"]
        style: dict[str, Any] = {"fmt": "o", "color": color, "markersize": 4, "capsize": 2, "elinewidth": 1} | kwargs
        if seeds is not None:
            for rank, count in seeds.loc[seeds["method"] == row["method"], "rank"].value_counts().items():
                # Seeds with equal ranks would hide one another.
                ax.plot(rank, place, "o", color=color, markersize=3 + 2 * math.sqrt(count), alpha=0.25, markeredgewidth=0)
        ax.errorbar(row["rank"], place, xerr=half, **style)
    ax.set_yticks(range(len(ordered)), list(short_labels(ordered["method"]).values()))
    for label, name in zip(ax.get_yticklabels(), ordered["method"], strict=True):
        label.set_fontweight("bold" if name in REFERENCE_METHODS else "normal")
    step = 1 if len(ordered) < 9 else 5
    ax.set_xticks(sorted({1, *range(step, len(ordered) + 1, step)}))
    # Ranks are from 1 to the number of methods, but a t interval may reach beyond.
    ax.set(xlim=(0.3, len(ordered) + 0.7), ylim=(-0.7, len(ordered) - 0.3), xlabel="rank (1 = best)")
    ax.grid(axis="y", visible=False)
    return ax


@FIGURES.register("method_ranks", caption="Rank of the methods over the seeds of one data set, under each noise")
def method_ranks_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A panel for each noise: the rank of every method in each seed, their mean, and Friedman's p over seeds.

    Seeds of one data set say which methods differ on it, not on others; that is a question for ranks over data sets.
    """
    runs.check_alike()
    results = in_order(runs.results)
    ranks, seeds = mean_ranks(results), seed_ranks(results)
    if ranks.empty:
        raise ValueError("under no noise do all methods share a seed, so there are no ranks")
    noises = list(dict.fromkeys(ranks["noise"]))
    with paper_style():
        across = min(len(noises), 2) if has_room(width) else 1
        size = inches(width) if across == 2 else min(inches(width), WIDTHS["column"])
        figure, _, axes = panel_grid(len(noises), across, width=size, row=0.9 + 0.155 * ranks["method"].nunique(), rest=0.6)
        for ax, noise, name in zip(axes, noises, short_names(noises, 40), strict=True):
            rows = ranks[ranks["noise"] == noise]
            rank_plot(rows, seeds[seeds["noise"] == noise], ax=ax)
            p = rows["friedman_p"].iloc[0]
            ax.set_title(name if math.isnan(p) else f"{name}\np {'< .001' if p < 0.001 else f'= {format_p(p)}'}")
        count = " to ".join(dict.fromkeys(map(str, (ranks["n"].min(), ranks["n"].max()))))
        several = ranks["n"].max() > 1
        band = (
            f"one data set; pale dots: {count} seeds (larger: more of them), bars: mean and 95 % interval\n"
            "p: Friedman over the seeds"
            if several
            else "one data set, one seed"
        )
        figure.suptitle(f"{runs.title}\n{band}", wrap=True)
    means = ranks.rename(columns={"rank": "mean_rank", "rank_ci95_half": "mean_rank_ci95_half"})
    return DrawnFigure(figure, seeds.merge(means, on=["noise", "method"], how="left"))
