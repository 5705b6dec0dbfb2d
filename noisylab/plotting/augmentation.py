"""Accuracy of methods under different augmentations."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.plotting.style import WIDTHS, limited, method_styles, paper_style, shared_legend


def augmentation_points(summary: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A line for each augmentation, on it a point with its interval for each method; kwargs go to `Axes.errorbar`.

    summary: rows with augmentation, method, test_accuracy_last and its `_ci`.
    """
    ax = ax or plt.gca()
    names, methods = (list(dict.fromkeys(summary[column])) for column in ("augmentation", "method"))
    styles = method_styles(methods)
    apart = 0.7 / len(methods)
    for place, method in enumerate(methods):
        rows = summary[summary["method"] == method]
        height = np.array([names.index(name) for name in rows["augmentation"]]) + (place - (len(methods) - 1) / 2) * apart
        look = {key: value for key, value in styles[method].items() if key != "linestyle"}
        style: dict[str, Any] = {"linestyle": "none", "capsize": 1.5, "elinewidth": 0.8, "markersize": 4}
        half = 100 * rows["test_accuracy_last_ci"].fillna(0)
        ax.errorbar(100 * rows["test_accuracy_last"], height, xerr=half, **style | look | kwargs)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    for line in range(1, len(names)):
        ax.axhline(line - 0.5, color="0.85", linewidth=0.6, zorder=0)
    ax.grid(visible=False, axis="y")
    # An interval may reach beyond what can be.
    ax.set_xlim(right=min(ax.get_xlim()[1], 100.5))
    ax.set_xlabel("test accuracy (%)")
    return ax


def augmentation_figure(summary: pandas.DataFrame, title: str = "") -> tuple[Figure, pandas.DataFrame]:
    """The points with a legend that says how many images a run processed; and the plotted numbers."""
    shown, limit = limited(summary)
    lines = shown["augmentation"].nunique() * max(1, shown["method"].nunique() / 4)
    with paper_style():
        figure, ax = plt.subplots(figsize=(WIDTHS[2], 1.6 + 0.42 * lines), layout="constrained")
        augmentation_points(shown, ax=ax)
        images = shown.groupby("method", sort=False)["images_processed"].mean()
        handles, labels = ax.get_legend_handles_labels()
        shared_legend(figure, handles, [f"{label}: {n:,.0f} images" for label, n in zip(labels, images, strict=True)])
        figure.suptitle(title + limit, wrap=True)
    return figure, shown
