"""Test accuracy, and the share of mislabelled samples that are memorised, against the images processed."""

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import from_one, seed_lines
from noisylab.plotting.looks import Look, looks, mark_every, number_lines
from noisylab.plotting.study_runs import LONGEST, StudyRuns, seeds_of
from noisylab.plotting.style import Width, exposure_legend, has_room, inches, paper_style

MEASURES = {"test_accuracy": "test accuracy", "mislabelled_memorised": "memorised share"}
# The noises of a study with more than fit.
SHOWN = ("symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
MOST = 4


def seed_curves(
    numbers: pandas.DataFrame,
    measure: str,
    *,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A measure against the thousands of images processed: a thin line per seed and a thick one for the mean of each method.

    Args:
        numbers: A row per method, seed and epoch: method, run, epoch, images (cumulative), and `measure`; NaN is left out.
        measure: A column of `numbers`.
        styles: The look of each method (`looks`). None: allotted over those in `numbers`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    held = looks(list(map(str, numbers["method"].unique()))) if styles is None else styles
    for place, (method, rows) in enumerate(numbers.dropna(subset=[measure]).groupby("method", sort=False)):
        look = held[str(method)]
        seed_lines(rows, "images", measure, look, ax, **kwargs)
        mean = rows.groupby("epoch")[["images", measure]].mean()
        thick = look | {"linewidth": 1.6, "markevery": mark_every(len(mean), place)}
        ax.plot(mean["images"], mean[measure], **thick | kwargs)
    number_lines(ax)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images / 1000:g}"))
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
    numbers = from_one(metrics)[["noise", "method", "run", "epoch", "images", *MEASURES]]
    with paper_style():
        figure, panels = _panels(len(shown), numbers["method"].nunique(), width)
        names, styles = runs.names.short("noise", shown, LONGEST), runs.looks_of(numbers["method"])
        runs_drawn = runs.results[runs.results["id"].isin(metrics["run"])]
        for (place, noise), line in zip(enumerate(shown), panels.T, strict=True):
            rows = numbers[numbers["noise"] == noise]
            for ax, (measure, name) in zip(line, MEASURES.items(), strict=True):
                seed_curves(rows, measure, styles=styles, ax=ax)
                if has_room(width):
                    ax.set_ylabel(name if place == 0 else "")
                elif place == 0:
                    ax.set_title(name)
            title = "\n".join(textwrap.wrap(names[noise], 30 if has_room(width) else 20))
            line[0].set(**{"title" if has_room(width) else "ylabel": title})
        for ax in panels[-1] if has_room(width) else panels[:, -1]:
            ax.set_xlabel("thousand images")
        exposure_legend(figure, [*panels[0], *panels[1]], runs_drawn, styles)
        seeds, chosen = seeds_of(runs_drawn), "" if noises else _of_noises(runs, shown)
        lines = seeds if seeds == "one seed" else f"thin: {seeds}, thick: their mean"
        part = runs.part(numbers["method"], runs.ordered[runs.ordered["noise"].isin(shown)])
        figure.suptitle(f"{runs.title}{part}{chosen}\n{runs.results['record'].iloc[0]} records; {lines}", wrap=True)
    return DrawnFigure(figure, numbers)


def _noises(runs: StudyRuns) -> list[str]:
    """The chosen noise, or the noisy settings of the study, the usual ones if there are more than fit."""
    if runs.chosen:
        runs.check_mislabelled()
        return [runs.noise]
    rates = runs.ordered.groupby("noise", sort=False)["realised_rate"].max()
    noisy = [str(noise) for noise in rates.index[rates > 0]]
    if not noisy:
        runs.check_mislabelled()
    if len(noisy) <= MOST:
        return noisy
    usual = [noise for noise in SHOWN if noise in noisy]
    return usual or noisy[:MOST]


def _of_noises(runs: StudyRuns, shown: list[str]) -> str:
    """A note if a study has more noisy settings than are shown, and the reader did not choose."""
    noisy = runs.results.loc[runs.results["realised_rate"] > 0, "noise"].nunique()
    return f", {len(shown)} of {noisy} noises" if len(shown) < noisy and not runs.chosen else ""


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
