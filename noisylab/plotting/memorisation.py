"""What happens during training: test accuracy, and what becomes of mislabelled samples."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from noisylab.analysis.tables import over_epochs
from noisylab.plotting.style import WIDTHS, Columns, figure_legend, method_styles, paper_style

PANELS = {
    "test_accuracy": "test set: predicted correctly",
    "mislabelled_correct": "mislabelled: predicted as the true label",
    "mislabelled_memorised": "mislabelled: memorised (as the given label)",
    "mislabelled_other": "mislabelled: predicted as another label",
}


def curves(numbers: pandas.DataFrame, measure: str, *, share: bool = True, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A measure over epochs, one line per method with its 95 % interval as a band; kwargs go to `Axes.plot`.

    numbers: rows of `noisylab.analysis.tables.over_epochs`: method, epoch, `measure`, `measure`_ci. share: whether the measure
    lies in [0, 1], though its t interval may reach beyond.
    """
    ax = ax or plt.gca()
    styles = method_styles(numbers["method"].unique())
    for method, rows in numbers.groupby("method", sort=False):
        style = styles[str(method)] | {"marker": ""} | kwargs
        epochs, mean, half = rows["epoch"] + 1, rows[measure], rows[f"{measure}_ci"]
        ax.plot(epochs, mean, **style)
        ax.fill_between(epochs, mean - half, mean + half, color=style["color"], alpha=0.18, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if share:
        bottom, top = ax.get_ylim()
        ax.set_ylim(max(bottom, -0.005), min(top, 1.005))
    return ax


def learning_rate_drops(metrics: pandas.DataFrame) -> list[int]:
    """The epochs at whose start the learning rate fell by a third or more. metrics: rows of `metrics.csv` with `run`."""
    # Runs of one study may have different numbers of epochs; the longest one shows all.
    longest = metrics[metrics["run"] == metrics["run"].iloc[int(metrics["epoch"].argmax())]]
    rates = longest.groupby("epoch")["learning_rate"].mean()
    # Under a cosine the rate falls in every epoch, and that is no step.
    before = rates.shift()
    flat = (before.shift().isna()) | np.isclose(before, before.shift())
    drops: list[int] = rates.index[((rates / before) < 0.7) & flat].tolist()
    return drops


def mark_drops(drops: Sequence[int], ax: Axes) -> None:
    """Dotted lines at drops of the learning rate, over epochs counted from 1."""
    for epoch in drops:
        ax.axvline(epoch + 0.5, color="0.5", linestyle=":", linewidth=0.8, zorder=0)


def story_figure(
    metrics: pandas.DataFrame, title: str = "", columns: Columns = 2, exposure: pandas.DataFrame | None = None
) -> tuple[Figure, pandas.DataFrame]:
    """Test accuracy and the three fractions of mislabelled samples over epochs, and the plotted numbers.

    metrics: rows of `metrics.csv` of the runs under one noise, with columns `run` and `method`. exposure: rows with method and
    images_processed, those of teachers included; None: the images of the metrics. Dotted lines mark the drops of the
    learning rate.
    """
    numbers = over_epochs(metrics, list(PANELS))
    drops = learning_rate_drops(metrics)
    with paper_style():
        size, shape = ((6.6, 4.6), (2, 2)) if columns == 2 else ((WIDTHS[1], 7.2), (4, 1))
        figure, axes = plt.subplots(*shape, figsize=size, sharex=True, squeeze=False, layout="constrained")
        for ax, (measure, name) in zip(axes.flat, PANELS.items(), strict=True):
            curves(numbers, measure, ax=ax)
            mark_drops(drops, ax)
            ax.set(title=name)
        for ax in axes[-1]:
            ax.set_xlabel("epoch")
        for ax in axes[:, 0]:
            ax.set_ylabel("share of samples")
        if exposure is None:
            totals = metrics.groupby(["run", "method"], sort=False)["images"].sum()
            exposure = totals.rename("images_processed").reset_index()
        figure_legend(figure, axes[0, 0], exposure)
        figure.suptitle(title, wrap=True)
    return figure, numbers
