"""Test accuracy against the noise rate."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes

from noisylab.analysis.tables import summarise
from noisylab.core.foreign_text import short_names
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import LONGEST, StudyRuns, in_order
from noisylab.plotting.style import (
    WIDTHS,
    Width,
    exposure_legend,
    first_methods,
    has_room,
    inches,
    method_styles,
    panel_grid,
    paper_style,
)


def accuracy_against_rate(
    summary: pandas.DataFrame, *, measure: str = "test_accuracy_last", ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """One line per method with its 95 % interval as a band.

    Args:
        summary: Rows of `noisylab.analysis.tables.summarise` of one noise kind: nominal_rate, method, `measure` and its
            `_ci95_half`.
        measure: a column of `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    styles = method_styles(summary["method"].unique())
    for method, rows in summary.groupby("method", sort=False):
        rows = rows.sort_values("nominal_rate")
        style = styles[str(method)] | kwargs
        ax.plot(rows["nominal_rate"], rows[measure], **style)
        low, high = rows[measure] - rows[f"{measure}_ci95_half"], rows[measure] + rows[f"{measure}_ci95_half"]
        ax.fill_between(rows["nominal_rate"], low, high, color=style["color"], alpha=0.18, linewidth=0)
        if len(rows) == 1:
            # A band over a single rate would have no width.
            ax.vlines(rows["nominal_rate"], low, high, color=style["color"], alpha=0.4)
    rates = sorted(summary["nominal_rate"].unique())
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    return ax


@FIGURES.register("noise_robustness", caption="Test accuracy against the noise rate")
def noise_robustness_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A panel for each noise kind, with a line per method. Runs without noise are in every panel."""
    runs.check_alike()
    shown, part = first_methods(in_order(runs.results))
    summary = summarise(shown)
    clean, noisy = summary[summary["nominal_rate"] == 0], summary[summary["nominal_rate"] > 0]
    kinds = list(dict.fromkeys(noisy["noise_kind"])) or list(dict.fromkeys(clean["noise_kind"]))
    seeds = sorted(summary["n"].unique())
    with paper_style():
        across = min(len(kinds), 2) if has_room(width) else 1
        size = inches(width) if across == 2 else min(inches(width), WIDTHS["column"])
        figure, grid, axes = panel_grid(len(kinds), across, width=size, row=2.4, rest=0.5, sharey=True)
        parts = []
        for ax, kind in zip(axes, kinds, strict=True):
            rows = pandas.concat([clean.drop_duplicates("method"), noisy[noisy["noise_kind"] == kind]])
            accuracy_against_rate(rows, ax=ax)
            partial = kind.split("(")[0] == "asymmetric"
            ax.set(
                title="\n".join(textwrap.wrap(short_names([kind], LONGEST)[0], 32)),
                xlabel="flip probability of the mapped classes" if partial else "noise rate (nominal)",
            )
            parts.append(rows.assign(panel=kind))
        # Accuracy is in [0, 1], but a t interval may reach beyond.
        bottom, top = axes[0].get_ylim()
        axes[0].set_ylim(max(bottom, -0.005), min(top, 1.005))
        for ax in grid[:, 0]:
            ax.set_ylabel("test accuracy, last epoch")
        exposure_legend(figure, axes[0], summary)
        count = " to ".join(dict.fromkeys(map(str, (seeds[0], seeds[-1]))))
        band = f"mean over {count} seeds, band: 95 % interval" if seeds[-1] > 1 else "one seed"
        figure.suptitle(f"{runs.title}{part}\n{band}", wrap=True)
    return DrawnFigure(figure, pandas.concat(parts, ignore_index=True))
