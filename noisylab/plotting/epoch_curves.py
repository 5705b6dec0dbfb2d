"""Curves over epochs, with the drops of the learning rate."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from noisylab.plotting.style import method_styles


def curves(numbers: pandas.DataFrame, measure: str, *, share: bool = True, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A measure over epochs, one line per method with its 95 % interval as a band.

    Args:
        numbers: Rows of `noisylab.analysis.tables.summarise_epochs`: method, epoch, `measure`, `measure`_ci95_half.
        measure: a column of `numbers`.
        share: Whether the measure is in [0, 1]; its t interval may reach beyond.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    styles = method_styles(numbers["method"].unique())
    for method, rows in numbers.groupby("method", sort=False):
        style = styles[str(method)] | {"marker": ""} | kwargs
        epochs, mean, half = rows["epoch"] + 1, rows[measure], rows[f"{measure}_ci95_half"]
        ax.plot(epochs, mean, **style)
        ax.fill_between(epochs, mean - half, mean + half, color=style["color"], alpha=0.18, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if share:
        bottom, top = ax.get_ylim()
        ax.set_ylim(max(bottom, -0.005), min(top, 1.005))
    return ax


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
    """Dotted lines at drops of the learning rate, over epochs counted from 1."""
    for epoch in drops:
        ax.axvline(epoch + 0.5, color="0.5", linestyle=":", linewidth=0.8, zorder=0)
