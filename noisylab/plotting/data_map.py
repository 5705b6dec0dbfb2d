"""The data map: which samples are learnt with confidence, and which vary (Swayamdipta et al. 2020)."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from noisylab.analysis.scoring import score
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, in_title, inches, legend_entries, paper_style, shared_legend

# More points would hide each other.
POINTS = 4000
MARKERS = {"clean": "o", "mislabelled": "x"}


def confidence_map(values: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Confidence against variability, clean samples as circles and mislabelled ones as crosses; kwargs go to `Axes.scatter`.

    values: one row per sample: confidence, variability, group.
    """
    ax = ax or plt.gca()
    for group, style in GROUPS.items():
        rows = values[values["group"] == group]
        fixed: dict[str, Any] = {"s": 7, "alpha": 0.45, "linewidths": 0.6, "rasterized": True, "label": f"{group} samples"}
        face = {"facecolors": "none", "edgecolors": style["color"]} if group == "clean" else {"color": style["color"]}
        ax.scatter(rows["variability"], rows["confidence"], marker=MARKERS[group], **fixed | face | kwargs)
    ax.set(xlabel="variability", ylabel="confidence", ylim=(-0.03, 1.03))
    return ax


@FIGURES.register("data_map", caption="Confidence against variability of every sample")
def data_map_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A data map of the first seed of each method."""
    parts, most = [], 0
    for method, records in runs.one_per_method().items():
        values = pandas.DataFrame({name: score(records, name) for name in ("confidence", "variability")})
        values = values.assign(
            method=method,
            sample=records["sample"].values,
            group=np.where(records["mislabelled"].values, "mislabelled", "clean"),
        )
        values = values.dropna()
        most = max(most, len(values))
        parts.append(values.sample(min(POINTS, len(values)), random_state=0).sort_index())
    numbers = pandas.concat(parts, ignore_index=True)
    methods = list(dict.fromkeys(numbers["method"]))
    with paper_style():
        across = 1 if not has_room(width) else min(len(methods), 3)
        lines = -(-len(methods) // across)
        size = inches(width), 2.3 * lines + 0.8
        figure, axes = plt.subplots(lines, across, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")
        for ax in axes.flat[len(methods) :]:
            ax.remove()
        for ax, method in zip(axes.flat, methods, strict=False):
            confidence_map(numbers[numbers["method"] == method], ax=ax)
            ax.set_xlim(-0.015, 1.05 * numbers["variability"].max() + 0.01)
            ax.set_title(in_title(runs.names.method(method)))
            ax.label_outer()
        shared_legend(figure, *legend_entries(axes.flat[: len(methods)]))
        drawn = f", {POINTS:,} of up to {most:,} samples drawn at random" if most > POINTS else ""
        figure.suptitle(runs.one_seed_title(methods, drawn), wrap=True)
    return DrawnFigure(figure, numbers[["method", "sample", "group", "variability", "confidence"]])
