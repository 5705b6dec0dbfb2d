"""Test accuracy against the noise rate."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.plotting.style import WIDTHS, Columns, figure_legend, method_styles, paper_style


def accuracy_against_rate(
    summary: pandas.DataFrame, *, measure: str = "test_accuracy_last", ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """One line per method with its 95 % interval as a band; kwargs go to `Axes.plot`.

    summary: rows of `noisylab.analysis.tables.summarise` of one noise kind: nominal_rate, method, `measure`, `measure`_ci.
    """
    ax = ax or plt.gca()
    styles = method_styles(summary["method"].unique())
    for method, rows in summary.groupby("method", sort=False):
        rows = rows.sort_values("nominal_rate")
        style = styles[str(method)] | kwargs
        ax.plot(rows["nominal_rate"], rows[measure], **style)
        low, high = rows[measure] - rows[f"{measure}_ci"], rows[measure] + rows[f"{measure}_ci"]
        ax.fill_between(rows["nominal_rate"], low, high, color=style["color"], alpha=0.18, linewidth=0)
        if len(rows) == 1:
            # A band over one rate has no width.
            ax.vlines(rows["nominal_rate"], low, high, color=style["color"], alpha=0.4)
    rates = sorted(summary["nominal_rate"].unique())
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    return ax


def robustness_figure(summary: pandas.DataFrame, title: str = "", columns: Columns = 2) -> tuple[Figure, pandas.DataFrame]:
    """A panel for each noise kind and the plotted numbers, in one or two columns. Runs without noise stand in every panel."""
    clean = summary[summary["nominal_rate"] == 0]
    noisy = summary[summary["nominal_rate"] > 0]
    kinds = list(dict.fromkeys(noisy["noise_kind"])) or list(dict.fromkeys(clean["noise_kind"]))
    seeds = sorted(summary["n"].unique())
    with paper_style():
        across = 1 if columns == 1 else min(len(kinds), 2)
        lines = -(-len(kinds) // across)
        size = WIDTHS[1] if across == 1 else 2.9 * across + 0.6, 2.4 * lines + 0.5
        figure, axes = plt.subplots(lines, across, figsize=size, sharey=True, squeeze=False, layout="constrained")
        parts = []
        for ax in axes.flat[len(kinds) :]:
            ax.remove()
        for ax, kind in zip(axes.flat, kinds, strict=False):
            rows = pandas.concat([clean.drop_duplicates("method"), noisy[noisy["noise_kind"] == kind]])
            accuracy_against_rate(rows, ax=ax)
            partial = kind.split("(")[0] == "asymmetric"
            ax.set(
                title="\n".join(textwrap.wrap(kind, 32)),
                xlabel="flip probability of the mapped classes" if partial else "noise rate (nominal)",
            )
            parts.append(rows.assign(panel=kind))
        # Accuracy is a share, though a t interval may reach beyond.
        bottom, top = axes[0, 0].get_ylim()
        axes[0, 0].set_ylim(max(bottom, -0.005), min(top, 1.005))
        for ax in axes[:, 0]:
            ax.set_ylabel("test accuracy, last epoch")
        figure_legend(figure, axes[0, 0], summary)
        count = " to ".join(dict.fromkeys(map(str, (seeds[0], seeds[-1]))))
        band = f"mean over {count} seeds, band: 95 % interval" if seeds[-1] > 1 else "one seed"
        figure.suptitle(f"{title}\n{band}" if title else band, wrap=True)
    return figure, pandas.concat(parts, ignore_index=True)
