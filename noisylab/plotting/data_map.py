"""The data map: which samples are easy, ambiguous, or hard to learn (Swayamdipta et al. 2020)."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.lines import Line2D

from noisylab.analysis.scoring import score
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import group_means, number, told
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, narrow, panel_grid, paper_style, shared_legend

SHOWN = "Confidence against variability of every sample, coloured by correctness"
MEANING = "Easy samples have high confidence, hard ones low confidence, and ambiguous ones high variability over epochs"
# The most methods that a reader can choose, and characters of a line above a panel.
CHOSEN, TITLE = 8, 21
# More points would hide each other.
POINTS = 4000
# From so many samples on, their density is drawn beneath the points, of which there are fewer.
MANY, POINTS_ON_DENSITY = 25_000, 1500
MARKERS = {"clean": "o", "mislabelled": "x"}
# Where the names of the regions may stand, as shares of the panel from its lower left corner: horizontally and vertically.
REGIONS = {
    "easy to learn": ((0.02, 0.7), (0.62, 0.98)),
    "ambiguous": ((0.45, 0.98), (0.25, 0.75)),
    "hard to learn": ((0.02, 0.98), (0.02, 0.38)),
}
# Inches of a letter of these names, across and high.
LETTER = (0.047, 0.12)
# Without the light end, whose points are invisible on white.
CORRECTNESS = ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 0.62, 128)), "correctness")


def confidence_map(values: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Confidence against variability, coloured by correctness; clean samples are circles and mislabelled ones crosses.

    values: one row per sample: confidence, variability, correctness, group. kwargs go to `Axes.scatter`.
    """
    ax = ax or plt.gca()
    for group, marker in MARKERS.items():
        rows = values[values["group"] == group]
        hue = CORRECTNESS(rows["correctness"].to_numpy(np.float64))
        face = {"facecolors": "none", "edgecolors": hue} if group == "clean" else {"color": hue}
        fixed: dict[str, Any] = {"s": 8, "alpha": 0.7, "linewidths": 0.7, "rasterized": True}
        ax.scatter(rows["variability"], rows["confidence"], marker=marker, **fixed | face | kwargs)
    ax.set(xlabel="variability", ylabel="confidence", ylim=(-0.03, 1.03))
    return ax


def density(values: pandas.DataFrame, right: float, *, ax: Axes | None = None, **kwargs: Any) -> PolyCollection:
    """Hexagons beneath the points of a map, the darker the more samples, on a log scale; kwargs go to `Axes.hexbin`.

    values: one row per sample: confidence, variability. right: the highest variability.
    """
    ax = ax or plt.gca()
    style: dict[str, Any] = {"gridsize": (30, 20), "extent": (0, right, 0, 1), "bins": "log", "mincnt": 1, "zorder": 0}
    style |= {"cmap": ListedColormap(mpl.colormaps["Greys"](np.linspace(0.12, 0.62, 128))), "linewidths": 0.1}
    return ax.hexbin(values["variability"], values["confidence"], **style | kwargs)


def name_regions(values: pandas.DataFrame, size: tuple[float, float], *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Write the names of the regions into a map whose limits are set, where no sample lies; one without room is left out.

    values: one row per sample: confidence, variability. size: of the panel, in inches. kwargs go to `Axes.text`.
    """
    ax = ax or plt.gca()
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    x = (values["variability"].to_numpy() - left) / (right - left)
    y = (values["confidence"].to_numpy() - bottom) / (top - bottom)
    style: dict[str, Any] = {"fontsize": 6, "fontstyle": "italic", "color": "0.2", "zorder": 4, "transform": ax.transAxes}
    for name, (across, upwards) in REGIONS.items():
        wide, high = len(name) * LETTER[0] / size[0], LETTER[1] / size[1]
        # The outermost free place.
        starts = np.linspace(across[0], across[1] - wide, 12) if across[1] - wide > across[0] else np.empty(0)
        heights = np.linspace(upwards[0], upwards[1] - high, 12)
        places = [(at, height) for at in (starts[::-1] if name == "ambiguous" else starts) for height in heights[::-1]]
        for at, height in places:
            if not ((x > at - 0.02) & (x < at + wide + 0.02) & (y > height - 0.02) & (y < height + high + 0.02)).any():
                ax.text(at, height + high / 2, name, ha="left", va="center", **style | kwargs)
                break
    return ax


@FIGURES.register("data_map", caption=SHOWN)
def data_map_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A data map of the first seed of each method; from 25,000 samples on, with the density of all beneath some of them."""
    found = {}
    for method, records in runs.one_per_method(chosen=CHOSEN).items():
        values = pandas.DataFrame({name: score(records, name) for name in ("variability", "confidence", "correctness")})
        values.insert(0, "group", np.where(records["mislabelled"].values, "mislabelled", "clean"))
        values.insert(0, "sample", records["sample"].values)
        found[method] = values.dropna()
    methods, most = list(found), max(map(len, found.values()))
    right = max(float(values["variability"].max()) for values in found.values())
    points = POINTS if most < MANY else POINTS_ON_DENSITY
    parts = []
    across = min(len(methods), 4 if has_room(width) else 2)
    short = runs.names.short("method", methods, 28 if has_room(width) else 20)
    titles = dict(zip(short, narrow(list(short.values()), TITLE), strict=True))
    with paper_style():
        row = 2.1 if has_room(width) else 1.75 if len(methods) > 1 else 2.4
        options: dict[str, Any] = {"row": row, "rest": 1.6, "sharex": True, "sharey": True}
        figure, _, axes = panel_grid(len(methods), across, width=inches(width), **options)
        for ax, (method, values) in zip(axes, found.items(), strict=True):
            drawn = values.sample(min(points, len(values)), random_state=0).sort_index().assign(method=method)
            parts.append(drawn)
            ax.set_xlim(-0.015, 1.05 * right + 0.01)
            if len(values) >= MANY:
                hexagons = density(values, right, ax=ax)
                x, y = np.asarray(hexagons.get_offsets()).T
                count = np.asarray(hexagons.get_array())
                parts.append(pandas.DataFrame({"variability": x, "confidence": y, "samples": count, "method": method}))
            confidence_map(drawn, ax=ax)
            name_regions(values, (0.85 * (inches(width) - 0.5) / across, row - 0.55), ax=ax)
            ax.set_title(titles[method])
            ax.label_outer()
        # The place below a panel may be empty.
        for ax in axes[max(0, len(axes) - across) :]:
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("variability")
        bar = figure.colorbar(ScalarMappable(Normalize(0, 1), CORRECTNESS), ax=axes, location="bottom", aspect=40, pad=0.02)
        # A column has no room for one line.
        parted = " " if has_room(width) else "\n"
        bar.set_label(f"correctness: share of epochs{parted}with the given label predicted", fontsize=7)
        looks: dict[str, Any] = {"linestyle": "", "color": "0.25", "markersize": 4}
        shown = set().union(*(values["group"] for values in found.values()))
        groups = [group for group in MARKERS if group in shown]
        handles = [Line2D([], [], marker=MARKERS[group], fillstyle="none", **looks) for group in groups]
        shared_legend(figure, handles, [f"{group} samples" for group in groups])
        said = f", {points:,} of up to {most:,} samples drawn at random" if most > points else ""
        said += "; grey: density of all samples" if most >= MANY else ""
        figure.suptitle(runs.one_seed_title(methods, said), wrap=True)
    columns = ["method", "sample", "group", "variability", "confidence", "correctness"]
    numbers = pandas.concat(parts, ignore_index=True)
    confidences = {
        name: (table["confidence"].to_numpy(), (table["group"] == "mislabelled").to_numpy()) for name, table in found.items()
    }
    finding = told(f"Mean confidence of {' and of '.join(groups)} samples", group_means(confidences), "mean", runs, form=number)
    shown_columns = [*columns, "samples"] if "samples" in numbers else columns
    return DrawnFigure(figure, numbers[shown_columns], f"{SHOWN}. {MEANING}", finding=finding)
