"""How far apart the losses of clean and mislabelled samples are, and what a mixture of two components makes of them."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator

from noisylab.analysis.scores.loss_mixture import fitted_mixture
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import from_one
from noisylab.plotting.findings import group_means, number, told
from noisylab.plotting.looks import GROUPS, Look
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, paper_style, shared_legend

BINS = 36
# Epochs in a column and on a page.
EPOCHS = {False: 3, True: 4}
COMPONENTS: dict[str, Look] = {
    "lower component": {"color": "black", "linestyle": "-"},
    "upper component": {"color": "black", "linestyle": (0, (3, 1.5))},
}
# Filled areas, in which the one behind is seen.
FILLS: dict[str, Look] = {
    "clean": {"facecolor": "#C7C7C7", "edgecolor": "#737373"},
    "mislabelled": {"facecolor": (*to_rgb("#D55E00"), 0.12), "edgecolor": "#D55E00", "hatch": "//////"},
}


def group_histograms(shares: pandas.DataFrame, value: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Histograms of clean and of mislabelled samples, one on the other without hiding it; kwargs go to `Axes.stairs`.

    shares: rows with group, `value` (left edge of a bin), `right` (its right edge) and share; those of other groups are left.
    """
    ax = ax or plt.gca()
    for group in GROUPS:
        rows = shares[shares["group"] == group]
        edges = np.r_[rows[value], rows["right"].iloc[-1]]
        fill: dict[str, Any] = {"fill": True, "linewidth": 0.9, "label": f"{group} samples"}
        ax.stairs(rows["share"], edges, **fill | FILLS[group] | kwargs)
    ax.set_ylim(0, 1.08 * shares["share"].max())
    return ax


def loss_histograms(shares: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Histograms of the losses of both groups at one epoch, and the components of the mixture; kwargs go to `Axes.stairs`.

    shares: from `loss_shares`.
    """
    ax = group_histograms(shares, "loss", ax=ax, **kwargs)
    for component, look in COMPONENTS.items():
        rows = shares[shares["group"] == component]
        if len(rows):
            ax.plot(rows["middle"], rows["share"], linewidth=1.0, label=component, **look)
    return ax


def loss_shares(loss: np.ndarray, mislabelled: np.ndarray, edges: np.ndarray, epoch: int) -> pandas.DataFrame:
    """The share of all samples in each bin at one epoch, by group, and what each component of the mixture expects there.

    The last bin has all losses above it, too, and the first bin all that a component expects below it.

    Returns rows with epoch, group (clean, mislabelled, lower component, upper component), loss, right, middle, share.
    """
    from scipy.stats import norm

    there = ~np.isnan(loss)
    bins = {"epoch": epoch, "loss": edges[:-1], "right": edges[1:], "middle": (edges[:-1] + edges[1:]) / 2}
    shares = {}
    for group, among in (("clean", ~mislabelled), ("mislabelled", mislabelled)):
        counts, _ = np.histogram(np.minimum(loss[among & there], edges[-1]), edges)
        shares[group] = counts / max(there.sum(), 1)
    mixture = fitted_mixture(loss)
    if mixture is not None:
        for name, weight, mean, deviation in zip(COMPONENTS, *mixture, strict=True):
            inner = norm.cdf(edges[1:-1], mean, deviation)
            shares[name] = weight * np.diff(np.r_[0, inner, 1])
    return pandas.concat([pandas.DataFrame({"group": name, **bins, "share": share}) for name, share in shares.items()])


@FIGURES.register("loss_separation", caption="Losses of clean and of mislabelled samples, and the mixture fitted to them")
def loss_separation_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """Histograms at some epochs, a row for each and a column for each method, of its first seed, with DivideMix's mixture."""
    runs.check_mislabelled()
    wide = has_room(width)
    first = runs.one_per_method(3 if wide else 2, 5 if wide else 3)
    highest = max(float(np.nanquantile(records["loss"].values.astype(np.float32), 0.995)) for records in first.values())
    edges = np.linspace(0, highest, BINS + 1)
    # Of fewer epochs these are the first and the last.
    most, chosen, parts = max(2, runs.room(EPOCHS[wide])), {}, []
    for method, records in first.items():
        loss, mislabelled = records["loss"].values.astype(np.float64), records["mislabelled"].values
        chosen[method] = sorted({round(e) for e in np.linspace(0, len(loss) - 1, min(most, len(loss))).tolist()})
        parts += [loss_shares(loss[epoch], mislabelled, edges, epoch).assign(method=method) for epoch in chosen[method]]
    numbers = from_one(pandas.concat(parts, ignore_index=True))
    names = runs.names.short("method", list(first), (24 if len(first) < 4 else 16) if wide else 14)
    with paper_style():
        lines, beside = max(map(len, chosen.values())), ": " if wide and len(first) < 3 else "\n"
        size = inches(width), 1.15 * lines + 1.5
        # Panels of one row are of one stage of training, and on one scale.
        figure, axes = plt.subplots(
            lines, len(first), figsize=size, sharex=True, sharey="row", squeeze=False, layout="constrained"
        )
        for column, (method, epochs) in zip(axes.T, chosen.items(), strict=True):
            for ax in column[len(epochs) :]:
                ax.remove()
            for ax, epoch in zip(column, epochs, strict=False):
                rows = numbers[(numbers["method"] == method) & (numbers["epoch"] == epoch + 1)]
                loss_histograms(rows, ax=ax)
                ax.set_title(f"{names[method]}{beside}epoch {epoch + 1}" if epoch == epochs[0] else f"epoch {epoch + 1}")
                ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
                ax.yaxis.set_major_locator(MaxNLocator(nbins=3))
            # The place below a panel may be empty.
            last = column[len(epochs) - 1]
            last.set_xlabel("loss (nats)")
            last.tick_params(labelbottom=True)
        for line in axes:
            there = [ax for ax in line if ax.figure is not None]
            # On a page with room for few panels, they are low.
            there[0].set_ylabel("share of samples" if wide and not runs.panels else "share")
            there[0].tick_params(labelleft=True)
            there[0].set_ylim(0, 1.08 * max(ax.dataLim.y1 for ax in there))
        shared_legend(figure, *legend_entries(figure.axes))
        figure.suptitle(
            runs.one_seed_title(
                list(first),
                f"; lines: the two Gaussians of the loss mixture; each row to its own height, "
                f"the last bin with all losses above {edges[-2]:.2g}",
            ),
            wrap=True,
        )
    last = group_means({method: (held["loss"].values[-1], held["mislabelled"].values) for method, held in first.items()})
    finding = told("Mean loss in nats of clean and of mislabelled samples at the last epoch", last, "mean", runs, form=number)
    return DrawnFigure(figure, numbers, finding=finding)
