"""DLB's accuracy over its temperature and alpha."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.analysis.statistics import percent
from noisylab.plotting.style import WIDTHS, paper_style


def sensitivity_map(cells: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A heat map with temperature downwards and alpha to the right, mean accuracy in percent; kwargs go to `seaborn.heatmap`.

    cells: rows with temperature, alpha, test_accuracy_last.
    """
    ax = ax or plt.gca()
    table = 100 * cells.pivot_table(index="temperature", columns="alpha", values="test_accuracy_last")
    style: dict[str, Any] = {"annot": True, "fmt": ".1f", "cmap": "cividis", "cbar": False, "annot_kws": {"fontsize": 6.5}}
    seaborn.heatmap(table, ax=ax, **style | kwargs)
    ax.grid(visible=False)
    ax.set_yticklabels([f"{value:g}" for value in table.index], rotation=0)
    ax.set_xticklabels([f"{value:g}" for value in table.columns])
    ax.set(xlabel="alpha", ylabel="temperature")
    return ax


def sensitivity_figure(summary: pandas.DataFrame, title: str = "") -> tuple[Figure, pandas.DataFrame]:
    """A map for each batch size on one scale of colours, the baselines in its title; and the plotted numbers.

    summary: rows with batch_size, method (ce, repeat, ce-matched, dlb), temperature, alpha, test_accuracy_last and its `_ci`.
    """
    sizes = sorted(summary["batch_size"].unique())
    values = 100 * summary.loc[summary["method"] == "dlb", "test_accuracy_last"]
    with paper_style():
        across = min(len(sizes), 3)
        lines = -(-len(sizes) // across)
        figure, axes = plt.subplots(
            lines, across, figsize=(WIDTHS[1 if across == 1 else 2], 2.75 * lines + 0.4), squeeze=False, layout="constrained"
        )
        for ax in axes.flat[len(sizes) :]:
            ax.remove()
        for ax, size in zip(axes.flat, sizes, strict=False):
            rows = summary[summary["batch_size"] == size]
            sensitivity_map(rows[rows["method"] == "dlb"], ax=ax, vmin=values.min(), vmax=values.max())
            said = [f"batch {size}"]
            for method, name in (("ce", "CE"), ("ce-matched", "CE, as many images"), ("repeat", "repeat")):
                row = rows[rows["method"] == method].iloc[0]
                said.append(f"{name}: {percent(row['test_accuracy_last'], row['test_accuracy_last_ci'])}")
            ax.set_title("\n".join(said), fontsize=7.5)
        figure.suptitle(title, wrap=True)
    return figure, summary


def grid_of(method: str) -> tuple[float, float]:
    """Temperature and alpha of a method's label such as `dlb(alpha=3.0)`; NaN for other methods."""
    from noisylab.core.registries import METHODS

    options = METHODS.parse(method).options
    if not {"temperature", "alpha"} <= options.keys():
        return np.nan, np.nan
    return float(options["temperature"]), float(options["alpha"])
