"""How often samples are forgotten, and when they are learnt for good (Toneva et al. 2019)."""

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

SCORES = {
    "forgetting_events": "forgetting events",
    "learning_time": "learning time\n(epochs)",
    "wrong_events": "wrong events\n(epochs)",
}


def cumulative(values: pandas.DataFrame, name: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """The share of clean and of mislabelled samples with at most so much of a score; kwargs go to `Axes.plot`.

    values: one row per sample: group and the score `name`. An infinite score is that of a sample that was never learnt. It is
    in no curve, so that the curve ends below 1, and its share is written beside. Samples without a score (NaN), which were never
    presented, are left out.
    """
    ax = ax or plt.gca()
    known = values[values[name].notna()]
    finite = known.loc[np.isfinite(known[name]), name]
    highest, never = float(finite.max()) if len(finite) else 0.0, []
    for group, style in GROUPS.items():
        rows = np.sort(known.loc[known["group"] == group, name].to_numpy())
        x, count = np.unique(rows[np.isfinite(rows)], return_counts=True)
        y = np.cumsum(count) / max(len(rows), 1)
        # Every curve goes on to the right end: no sample has more.
        ends = np.r_[0, x, highest], np.r_[0, y, y[-1] if len(y) else 0]
        ax.plot(*ends, drawstyle="steps-post", label=f"{group} samples", **style | kwargs)
        if np.isinf(rows).any():
            never.append(f"{np.isinf(rows).mean():.0%} of {group}")
    if never:
        ax.text(0.97, 0.06, "never learnt:\n" + "\n".join(never), transform=ax.transAxes, ha="right", va="bottom", fontsize=6)
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
            line[0].set_ylabel(f"{in_title(runs.names.method(method))}\nshare of samples")
        shared_legend(figure, *legend_entries(axes.flat))
        figure.suptitle(runs.one_seed_title(methods, "; samples with at most so many"), wrap=True)
    return DrawnFigure(figure, numbers)
