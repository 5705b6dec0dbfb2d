"""How far apart the losses of clean and mislabelled samples are, epoch by epoch."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import from_one
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, in_title, inches, legend_entries, paper_style, shared_legend

RIDGES, BINS, OVERLAP = 8, 48, 1.6


def loss_ridges(densities: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """One ridge per epoch, first on top, with the losses of clean and mislabelled samples; kwargs go to `Axes.fill_between`.

    densities: rows with epoch, group, loss (left edge of a bin) and density (its height, at most 1).
    """
    ax = ax or plt.gca()
    epochs = sorted(densities["epoch"].unique())
    for place, epoch in enumerate(epochs):
        base = len(epochs) - 1 - place
        for group, style in GROUPS.items():
            rows = densities[(densities["epoch"] == epoch) & (densities["group"] == group)]
            # The last bin has a right edge too.
            edges = np.r_[rows["loss"], 2 * rows["loss"].iloc[-1] - rows["loss"].iloc[-2]]
            height = base + OVERLAP * np.r_[rows["density"], rows["density"].iloc[-1]]
            fill = {"alpha": 0.35, "linewidth": 0, "zorder": 2 * place, "color": style["color"], "step": "post"} | kwargs
            ax.fill_between(edges, base, height, **fill)
            label = f"{group} samples" if place == 0 else None
            ax.plot(edges, height, linewidth=0.8, zorder=2 * place + 1, drawstyle="steps-post", label=label, **style)
    ax.set_yticks(range(len(epochs) - 1, -1, -1), list(map(str, epochs)))
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="loss (nats)", ylabel="epoch", ylim=(-0.1, len(epochs) - 1 + OVERLAP + 0.1))
    return ax


def loss_densities(loss: np.ndarray, mislabelled: np.ndarray, edges: np.ndarray, epoch: int) -> pandas.DataFrame:
    """Histograms of both groups at one epoch, each with highest bin 1; the last bin includes all losses above it."""
    parts = []
    for group, among in (("clean", ~mislabelled), ("mislabelled", mislabelled)):
        values = loss[among & ~np.isnan(loss)]
        counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
        density = counts / max(counts.max(initial=0), 1)
        parts.append(pandas.DataFrame({"epoch": epoch, "group": group, "loss": edges[:-1], "density": density}))
    return pandas.concat(parts, ignore_index=True)


@FIGURES.register("loss_separation", caption="Losses of clean and of mislabelled samples, epoch by epoch")
def loss_separation_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A ridge plot over about eight epochs, for the first seed of each method."""
    runs.check_mislabelled()
    first = runs.one_per_method(3)
    highest = max(float(np.nanquantile(records["loss"].values.astype(np.float32), 0.995)) for records in first.values())
    edges = np.linspace(0, highest, BINS + 1)
    parts = []
    for method, records in first.items():
        loss, mislabelled = records["loss"].values.astype(np.float64), records["mislabelled"].values
        chosen = sorted({round(e) for e in np.linspace(0, len(loss) - 1, min(RIDGES, len(loss))).tolist()})
        parts += [loss_densities(loss[epoch], mislabelled, edges, epoch).assign(method=method) for epoch in chosen]
    numbers = from_one(pandas.concat(parts, ignore_index=True))
    with paper_style():
        lines, across = (1, len(first)) if has_room(width) else (len(first), 1)
        size = inches(width), 3.9 if has_room(width) else 2.5 * lines + 0.9
        figure, axes = plt.subplots(lines, across, figsize=size, sharex=True, squeeze=False, layout="constrained")
        for ax, method in zip(axes.flat, first, strict=True):
            loss_ridges(numbers[numbers["method"] == method], ax=ax)
            ax.set_title(in_title(runs.names.method(method)))
            if ax not in axes[:, 0]:
                ax.set_ylabel("")
            if ax not in axes[-1]:
                ax.set_xlabel("")
        shared_legend(figure, *legend_entries(axes.flat))
        figure.suptitle(
            runs.one_seed_title(
                list(first), f"; each group scaled to its highest bin, the last with all losses above {edges[-2]:.2g}"
            ),
            wrap=True,
        )
    return DrawnFigure(figure, numbers)
