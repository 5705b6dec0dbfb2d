"""Which method ranks where."""

import math
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.plotting.style import FIXED, PALETTE, WIDTHS, Columns, paper_style, short_label

OTHERS = (0.35, 0.35, 0.35)


def rank_plot(ranks: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Mean rank of each method with its 95 % interval, best on top; kwargs go to `Axes.errorbar`.

    ranks: rows of `noisylab.analysis.tables.mean_ranks` of one noise.
    """
    ax = ax or plt.gca()
    ordered = ranks.sort_values(["rank", "method"], ascending=False, ignore_index=True)
    for place, row in enumerate(ordered.to_dict("records")):
        fixed = FIXED.get(row["method"])
        color = OTHERS if fixed is None else PALETTE[fixed[0]]
        half = None if math.isnan(row["rank_ci"]) else row["rank_ci"]
        style: dict[str, Any] = {"fmt": "o", "color": color, "markersize": 4, "capsize": 2, "elinewidth": 1} | kwargs
        ax.errorbar(row["rank"], place, xerr=half, **style)
    ax.set_yticks(range(len(ordered)), list(map(short_label, ordered["method"])))
    for label, name in zip(ax.get_yticklabels(), ordered["method"], strict=True):
        label.set_fontweight("bold" if name in FIXED else "normal")
    step = 1 if len(ordered) < 9 else 5
    ax.set_xticks(sorted({1, *range(step, len(ordered) + 1, step)}))
    # Ranks end at 1 and at the number of methods, though a t interval may reach beyond.
    ax.set(xlim=(0.3, len(ordered) + 0.7), ylim=(-0.7, len(ordered) - 0.3), xlabel="mean rank (1 = best)")
    ax.grid(axis="y", visible=False)
    return ax


def rank_figure(ranks: pandas.DataFrame, title: str = "", columns: Columns = 2) -> tuple[Figure, pandas.DataFrame]:
    """A panel for each noise, and the plotted numbers."""
    noises = list(dict.fromkeys(ranks["noise"]))
    methods, across = ranks["method"].nunique(), 1 if columns == 1 else min(len(noises), 2)
    lines = -(-len(noises) // across)
    with paper_style():
        size = WIDTHS[across], lines * (0.9 + 0.155 * methods) + 0.5
        figure, axes = plt.subplots(lines, across, figsize=size, squeeze=False, layout="constrained")
        for ax in axes.flat[len(noises) :]:
            ax.remove()
        for ax, noise in zip(axes.flat, noises, strict=False):
            rows = ranks[ranks["noise"] == noise]
            rank_plot(rows, ax=ax)
            p = rows["friedman_p"].iloc[0]
            tested = "" if math.isnan(p) else f"\nFriedman p {'< .001' if p < 0.001 else f'= {p:.3f}'}"
            ax.set_title(f"{noise}{tested}")
        seeds = " to ".join(dict.fromkeys(map(str, (ranks["n"].min(), ranks["n"].max()))))
        band = f"bars: 95 % interval over {seeds} seeds" if ranks["n"].max() > 1 else "one seed"
        figure.suptitle(f"{title}\n{band}" if title else band, wrap=True)
    return figure, ranks
