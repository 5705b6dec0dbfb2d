"""How often samples are forgotten, and when they are learnt for good (Toneva et al. 2019)."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from noisylab.analysis.scoring import score
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import GROUPS, Width, has_room, inches, method_label, paper_style, shared_legend

SCORES = {
    "forgetting_events": "forgetting events",
    "learning_time": "learning time\n(epochs)",
    "wrong_events": "wrong events\n(epochs)",
}


def cumulative(values: pandas.DataFrame, name: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """The share of clean and of mislabelled samples with at most so much of a score; kwargs go to `Axes.plot`.

    values: one row per sample: group and the score `name`. A curve ends below 1 by the share of infinite values.
    """
    ax = ax or plt.gca()
    for group, style in GROUPS.items():
        rows = np.sort(values.loc[values["group"] == group, name].to_numpy())
        finite = rows[np.isfinite(rows)]
        x, count = np.unique(finite, return_counts=True)
        y = np.cumsum(count) / max(len(rows), 1)
        ax.plot(np.r_[0, x], np.r_[0, y], drawstyle="steps-post", label=f"{group} samples", **style | kwargs)
    ax.set(xlabel=SCORES.get(name, name), ylim=(-0.02, 1.02))
    return ax


@FIGURES.register("forgetting", caption="How often samples are forgotten and when they are learnt")
def forgetting_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The cumulative distributions of three counts, for the first seed of each method."""
    runs.check_mislabelled()
    parts = []
    for method, records in runs.one_per_method(4 if has_room(width) else 3).items():
        group = np.where(records["mislabelled"].values, "mislabelled", "clean")
        parts.append(pandas.DataFrame({"method": method, "group": group, **{name: score(records, name) for name in SCORES}}))
    numbers = pandas.concat(parts, ignore_index=True)
    methods = list(dict.fromkeys(numbers["method"]))
    with paper_style():
        size = inches(width), 1.55 * len(methods) + 1.1
        shown = list(SCORES) if has_room(width) else list(SCORES)[:2]
        figure, axes = plt.subplots(
            len(methods), len(shown), figsize=size, sharex="col", sharey=True, squeeze=False, layout="constrained"
        )
        for line, method in zip(axes, methods, strict=True):
            for ax, name in zip(line, shown, strict=True):
                cumulative(numbers[numbers["method"] == method], name, ax=ax)
                ax.label_outer()
            line[0].set_ylabel(f"{method_label(method)}\nshare of samples")
        shared_legend(figure, *axes[0, 0].get_legend_handles_labels())
        figure.suptitle(runs.one_seed_title(methods, "; samples with at most so many"), wrap=True)
    return DrawnFigure(figure, numbers)
