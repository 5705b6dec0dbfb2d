"""Curves over epochs, with the drops of the learning rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from noisylab.plotting.looks import Look, looks, mark_every, number_lines

# The gid of thin lines of seeds.
SEEDS = "seeds"


def curves(
    numbers: pandas.DataFrame,
    measure: str,
    *,
    seeds: pandas.DataFrame | None = None,
    share: bool = True,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A measure over epochs, one line per method, with its 95 % interval as a band or with a thin line per seed.

    Args:
        numbers: Rows of `noisylab.analysis.tables.summarise_epochs`: method, epoch, `measure`, `measure`_ci95_half.
        measure: a column of `numbers`.
        seeds: Rows with method, run, epoch and `measure`, drawn instead of bands. None: bands.
        share: Whether the measure is in [0, 1], beyond which no band reaches.
        styles: The look of each method (`looks`). None: allotted over those in `numbers`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    methods = list(map(str, numbers["method"].unique()))
    held = looks(methods) if styles is None else styles
    for place, (method, rows) in enumerate(numbers.groupby("method", sort=False)):
        look = held[str(method)]
        if seeds is not None:
            seed_lines(seeds[seeds["method"] == method], "epoch", measure, look | kwargs, ax)
        else:
            ax.fill_between(rows["epoch"], *band(rows, measure, share=share), color=look["color"], alpha=0.18, linewidth=0)
        ax.plot(rows["epoch"], rows[measure], **look | {"markevery": mark_every(len(rows), place)} | kwargs)
    number_lines(ax)
    epoch_ticks(ax, numbers["epoch"])
    if share:
        bottom, top = ax.get_ylim()
        ax.set_ylim(max(bottom, -0.03), min(top, 1.03))
    return ax


def seed_lines(rows: pandas.DataFrame, x: str, y: str, look: Look, ax: Axes) -> None:
    """A thin line for each of several runs; rows: run, `x` and `y`. One run is its own mean, and no line is drawn."""
    points = rows[[x, y]].to_numpy()
    lines = [points[own] for own in rows.groupby("run", sort=False).indices.values()]
    if len(lines) > 1:
        # A hundred seeds are one artist: each by itself would take more than twice as long.
        thin: dict[str, Any] = {"linewidths": 0.6, "alpha": 0.4, "zorder": 2, "gid": SEEDS}
        ax.add_collection(LineCollection(lines, colors=look["color"], **thin))
        # A seed of a single epoch is a small mark, hollow like the mean's.
        marks = np.array([line[0] for line in lines if len(line) == 1])
        if len(marks):
            ax.plot(*marks.T, **look | {"linestyle": "none", "markersize": 2.5, "alpha": 0.4, "label": None})


def seed_dots(x: "pandas.Series[float]", y: "pandas.Series[float]", look: Look, ax: Axes) -> None:
    """A small pale dot per seed, if any place has several; a single seed is the mean that is drawn there."""
    if y.groupby(x.to_numpy()).size().max() > 1:
        style = look | {"linestyle": "none", "markersize": 2, "alpha": 0.5, "label": None}
        ax.plot(x, y, **style)


def with_runs(means: pandas.DataFrame, runs: pandas.DataFrame | None) -> pandas.DataFrame:
    """The numbers of a figure: rows of means, whose `run` is "mean", then those of the runs that are drawn beside them.

    runs: rows with `run`, of which the columns of `means` are kept. None: no run is drawn by itself, and `means` are all.
    """
    if runs is None:
        return means
    of_runs = runs[["run", *(name for name in means if name in runs)]]
    return pandas.concat([means.assign(run="mean"), of_runs], ignore_index=True)


def band(rows: pandas.DataFrame, measure: str, *, share: bool) -> "tuple[pandas.Series[float], pandas.Series[float]]":
    """The ends of the 95 % intervals of a measure, which for a share are never beyond [0, 1]."""
    low, high = rows[measure] - rows[f"{measure}_ci95_half"], rows[measure] + rows[f"{measure}_ci95_half"]
    return (low.clip(0, 1), high.clip(0, 1)) if share else (low, high)


def epoch_ticks(ax: Axes, epochs: "pandas.Series[int]") -> None:
    """Whole epochs on the horizontal axis; a single one stands in its middle."""
    if epochs.nunique() == 1:
        ax.set_xticks([epochs.iloc[0]])
        ax.set_xlim(epochs.iloc[0] - 1, epochs.iloc[0] + 1)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def from_one(numbers: pandas.DataFrame) -> pandas.DataFrame:
    """Rows of records or metrics with epochs counted from 1, as figures show them."""
    return numbers.assign(epoch=numbers["epoch"] + 1)


def learning_rate_drops(metrics: pandas.DataFrame) -> list[int]:
    """The epochs at whose start the learning rate fell by a third or more; none if methods differ in them.

    Under most budgets methods have different numbers of epochs, and one line cannot stand for all of them.
    metrics: rows of `metrics.csv` with `run`.
    """
    found = {tuple(_drops(rows.set_index("epoch")["learning_rate"])) for _, rows in metrics.groupby("run")}
    return list(found.pop()) if len(found) == 1 else []


def _drops(rates: "pandas.Series[float]") -> list[int]:
    # A cosine falls in every epoch, which is not a step.
    before = rates.shift()
    flat = (before.shift().isna()) | np.isclose(before, before.shift())
    drops: list[int] = rates.index[((rates / before) < 0.7) & flat].tolist()
    return drops


def mark_drops(drops: Sequence[int], ax: Axes) -> None:
    """Dotted lines at drops of the learning rate, over epochs counted from 1; the legend names them."""
    for epoch in drops:
        ax.axvline(epoch + 0.5, color="0.5", linestyle=":", linewidth=0.8, zorder=0, label="drop of the learning rate")
