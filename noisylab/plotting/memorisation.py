"""Test accuracy, and the share of mislabelled samples that are memorised, against the images processed."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from noisylab.core.foreign_text import short_names
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import Width, exposure_legend, first_methods, has_room, inches, method_styles, paper_style

MEASURES = {"test_accuracy": "test accuracy", "mislabelled_memorised": "memorised share"}
# The noises of a study with more than fit.
SHOWN = ("symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
MOST = 4


def seed_curves(numbers: pandas.DataFrame, measure: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A measure against the thousands of images processed: a thin line per seed and a thick one for the mean of each method.

    Args:
        numbers: A row per method, seed and epoch: method, run, epoch, images (cumulative), and `measure`; NaN is left out.
        measure: A column of `numbers`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    styles = method_styles(numbers["method"].unique())
    for method, rows in numbers.dropna(subset=[measure]).groupby("method", sort=False):
        # One epoch alone is a point.
        marker = styles[str(method)]["marker"] if rows["epoch"].nunique() == 1 else ""
        style = styles[str(method)] | {"marker": marker}
        for _, seed in rows.groupby("run", sort=False):
            thin = style | {"linewidth": 0.6, "alpha": 0.35, "label": None, "linestyle": "-"}
            ax.plot(seed["images"] / 1000, seed[measure], **thin | kwargs)
        mean = rows.groupby("epoch")[["images", measure]].mean()
        ax.plot(mean["images"] / 1000, mean[measure], **style | {"linewidth": 1.6} | kwargs)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    return ax


@FIGURES.register(
    "memorisation", caption="Test accuracy and the memorised share of mislabelled samples, against the images processed"
)
def memorisation_figure(runs: StudyRuns, *, noises: tuple[str, ...] = (), width: Width = "page") -> DrawnFigure:
    """Test accuracy and the memorised share against the images that the measured network processed, for each noise.

    Thin lines are seeds, thick ones their mean. At one place of the horizontal axis, all methods have seen equally many images.

    noises: as the tables name them (none: the chosen one, or up to four of the study's).
    """
    runs.check_alike()
    shown = list(noises) or _noises(runs)
    if unknown := [noise for noise in shown if noise not in set(runs.results["noise"])]:
        there = ", ".join(dict.fromkeys(runs.results["noise"]))
        raise ValueError(f"noises must be of the study's, {there}, got {unknown[0]!r}")
    metrics = runs.metrics(shown)
    if metrics["mislabelled_memorised"].isna().all():
        raise runs.nothing_recorded()
    metrics = metrics.assign(images=metrics.groupby("run", sort=False)["images"].cumsum())
    numbers = metrics[["noise", "method", "run", "epoch", "images", *MEASURES]]
    with paper_style():
        figure, panels = _panels(len(shown), numbers["method"].nunique(), width)
        names = dict(zip(shown, short_names(shown, LONGEST), strict=True))
        for (place, noise), line in zip(enumerate(shown), panels.T, strict=True):
            rows = numbers[numbers["noise"] == noise]
            for ax, (measure, name) in zip(line, MEASURES.items(), strict=True):
                seed_curves(rows, measure, ax=ax)
                if has_room(width):
                    ax.set_ylabel(name if place == 0 else "")
                elif place == 0:
                    ax.set_title(name)
            title = "\n".join(textwrap.wrap(names[noise], 30 if has_room(width) else 20))
            line[0].set(**{"title" if has_room(width) else "ylabel": title})
        for ax in panels[-1] if has_room(width) else panels[:, -1]:
            ax.set_xlabel("thousand images")
        exposure_legend(figure, panels[0, 0], runs.results[runs.results["id"].isin(metrics["run"])])
        seeds = metrics.groupby(["noise", "method"])["run"].nunique().max()
        lines = f"thin: {seeds} seeds, thick: their mean" if seeds > 1 else "one seed"
        part = first_methods(runs.results)[1]
        figure.suptitle(f"{runs.title}{part}\n{runs.results['record'].iloc[0]} records; {lines}", wrap=True)
    return DrawnFigure(figure, numbers)


def _noises(runs: StudyRuns) -> list[str]:
    """The chosen noise, or the noisy settings of the study, the usual ones if there are more than fit."""
    if runs.chosen:
        runs.check_mislabelled()
        return [runs.noise]
    rates = runs.results.groupby("noise", sort=False)["realised_rate"].max()
    noisy = [str(noise) for noise in rates.index[rates > 0]]
    if not noisy:
        runs.check_mislabelled()
    if len(noisy) <= MOST:
        return noisy
    usual = [noise for noise in SHOWN if noise in noisy]
    return usual or noisy[:MOST]


def _panels(count: int, methods: int, width: Width) -> tuple[Figure, NDArray[np.object_]]:
    """A figure, and its panels with measures down and noises across; turned if the figure is narrow."""
    wide = has_room(width)
    # A legend of many methods needs room.
    shape, height = ((2, count), 4.2) if wide else ((count, 2), 1.35 * count + 1.2 + 0.25 * max(0, methods - 3))
    size = inches(width), height
    figure, grid = plt.subplots(*shape, figsize=size, squeeze=False, layout="constrained", sharex="col" if wide else "row")
    panels = grid if wide else grid.T
    # Accuracies are compared across noises too; memorised shares are of another size under each.
    for ax in panels[0, 1:]:
        ax.sharey(panels[0, 0])
        ax.tick_params(labelleft=not wide)
    return figure, panels
