"""Test accuracy of the methods over the values of any setting."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from numpy.typing import NDArray

from noisylab.analysis.tables import differing_settings, summarise
from noisylab.analysis.variance import counted_seeds
from noisylab.core.foreign_text import short_names
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import which_seed
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import of_settings
from noisylab.plotting.looks import Look, looks
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import Width, exposure_legend, inches, paper_style


def axis_points(
    summary: pandas.DataFrame,
    axis: str,
    *,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A row for each value of a setting, with a point and its interval for each method.

    Args:
        summary: Rows with the column `axis`, method, test_accuracy_last and its `_ci95_half`.
        axis: The setting.
        styles: The look of each method (`looks`). None: allotted over those in `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    names, methods = (list(dict.fromkeys(summary[column])) for column in (axis, "method"))
    held = looks(methods) if styles is None else styles
    apart = 0.7 / len(methods)
    for place, method in enumerate(methods):
        rows = summary[summary["method"] == method]
        height = np.array([names.index(name) for name in rows[axis]]) + (place - (len(methods) - 1) / 2) * apart
        look = {key: value for key, value in held[method].items() if key != "linestyle"}
        style: dict[str, Any] = {"linestyle": "none", "capsize": 1.5, "elinewidth": 0.8, "markersize": 4}
        ax.errorbar(rows["test_accuracy_last"], height, xerr=ends(rows), **style | look | kwargs)
    ax.set_yticks(range(len(names)), short_names(list(map(str, names)), LONGEST))
    ax.set_ylim(len(names) - 0.5, -0.5)
    for line in range(1, len(names)):
        ax.axhline(line - 0.5, color="0.85", linewidth=0.6, zorder=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(right=min(ax.get_xlim()[1], 1.005))
    ax.set(xlabel="test accuracy", ylabel=axis.replace("_", " "))
    return ax


def ends(rows: pandas.DataFrame) -> NDArray[np.float64] | None:
    """How far the 95 % intervals reach to the left and to the right, within [0, 1]; None if there are none."""
    mean, half = rows["test_accuracy_last"], rows["test_accuracy_last_ci95_half"]
    if not (half > 0).any():
        return None
    return np.array([half.clip(upper=mean), half.clip(upper=1 - mean)])


@FIGURES.register("axis_comparison", caption="Test accuracy of the methods over the values of a setting")
def axis_comparison_figure(runs: StudyRuns, *, axis: str | None = None, width: Width = "page") -> DrawnFigure:
    """A row for each value of a setting, with a point and its 95 % interval for each method.

    axis: the setting (None: the one in which the runs differ).
    """
    rows = runs.with_data_names(runs.ordered[runs.ordered["noise"] == runs.noise])
    differing = differing_settings(rows)
    if axis is None:
        if len(differing) != 1:
            there = f"differ in {', '.join(differing)}; choose with axis" if differing else "do not differ in any"
            raise ValueError(f"a comparison needs one setting, and the runs {there}")
        (axis,) = differing
    shown = runs.fitting(rows)
    summary, styles = summarise(shown, [axis]), runs.looks_of(shown["method"])
    # Numbers are sorted; other values keep the order in which they were run.
    if pandas.api.types.is_numeric_dtype(summary[axis]):
        summary = summary.sort_values(axis, kind="stable", ignore_index=True)
    lines = summary[axis].nunique(dropna=False) * max(1, summary["method"].nunique() / 4)
    one = summary["n"].max() == 1
    said = which_seed(shown) if one else f"mean and 95 % interval over {counted_seeds(summary['n'], shown)}"
    with paper_style():
        figure, ax = plt.subplots(figsize=(inches(width), 1.6 + 0.42 * lines), layout="constrained")
        axis_points(summary, axis, styles=styles, ax=ax)
        exposure_legend(figure, [ax], summary, styles)
        figure.suptitle(
            f"{runs.setting}{runs.part(shown['method'], rows)}\ntest accuracy at the last epoch, {said}",
            wrap=True,
        )
    return DrawnFigure(figure, summary, finding=of_settings(summary, [axis], runs))
