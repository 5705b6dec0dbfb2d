"""How often samples are forgotten, and when they are learnt for good (Toneva et al. 2019)."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

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


def cumulative(
    values: pandas.DataFrame,
    name: str,
    *,
    unlearnt: float = np.inf,
    right: float | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """The share of clean and of mislabelled samples with at most so much of a score; kwargs go to `Axes.plot`.

    Samples that were not learnt are in no curve, so that it ends below 1, and their share is written beside. Samples that were
    never presented have no score (NaN), and are left out.

    values: one row per sample: group and the score `name`. unlearnt: from this value on, a sample is not learnt (infinite
    forgetting events, a learning time of all epochs). right: where the curves end; None: at the highest value.
    """
    ax = ax or plt.gca()
    known = values[values[name].notna()]
    learnt = known.loc[known[name] < unlearnt, name]
    end, left = float(learnt.max()) if right is None and len(learnt) else (right or 0.0), []
    for group, style in GROUPS.items():
        rows = known.loc[known["group"] == group, name].to_numpy()
        x, count = np.unique(rows[rows < unlearnt], return_counts=True)
        y = np.cumsum(count) / max(len(rows), 1)
        # Every curve goes on to the right end: no sample has more.
        ends = np.r_[0, x, max(end, x.max(initial=0))], np.r_[0, y, y[-1] if len(y) else 0]
        ax.plot(*ends, drawstyle="steps-post", label=f"{group} samples", **style | kwargs)
        if (rows >= unlearnt).any():
            left.append(f"{(rows >= unlearnt).mean():.0%} of {group}")
    if left:
        ax.text(0.97, 0.06, "not learnt:\n" + "\n".join(left), transform=ax.transAxes, ha="right", va="bottom", fontsize=6)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.set(xlabel=SCORES.get(name, name), ylim=(-0.02, 1.02))
    return ax


@FIGURES.register("forgetting", caption="How often samples are forgotten and when they are learnt")
def forgetting_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The cumulative distributions of three counts, for the first seed of each method."""
    runs.check_mislabelled()
    parts, epochs = [], {}
    for method, records in runs.one_per_method(4 if has_room(width) else 3).items():
        epochs[method] = records.sizes["epoch"]
        group = np.where(records["mislabelled"].values, "mislabelled", "clean")
        parts.append(pandas.DataFrame({"method": method, "group": group, **{name: score(records, name) for name in SCORES}}))
    numbers = pandas.concat(parts, ignore_index=True)
    methods = list(dict.fromkeys(numbers["method"]))
    ends = {name: float(numbers.loc[np.isfinite(numbers[name]), name].max()) for name in SCORES}
    with paper_style():
        size = inches(width), 1.55 * len(methods) + 1.1
        shown = list(SCORES) if has_room(width) else list(SCORES)[:2]
        figure, axes = plt.subplots(
            len(methods), len(shown), figsize=size, sharex="col", sharey=True, squeeze=False, layout="constrained"
        )
        for line, method in zip(axes, methods, strict=True):
            for ax, name in zip(line, shown, strict=True):
                unlearnt = epochs[method] if name == "learning_time" else np.inf
                cumulative(numbers[numbers["method"] == method], name, unlearnt=unlearnt, right=ends[name], ax=ax)
                ax.label_outer()
            line[0].set_ylabel(f"{in_title(runs.names.method(method))}\nshare of samples")
        shared_legend(figure, *legend_entries(axes.flat))
        figure.suptitle(runs.one_seed_title(methods, "; samples with at most so many"), wrap=True)
    return DrawnFigure(figure, numbers)
