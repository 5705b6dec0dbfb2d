"""How often samples are forgotten, and when they are learnt for good (Toneva et al. 2019)."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from noisylab.analysis.scoring import score
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import told
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, paper_style, shared_legend

# The most methods that a reader can choose.
CHOSEN = 5
# The part of the bars of samples that are predicted as their true class at the end.
HATCHED: dict[str, Any] = {"facecolor": "none", "edgecolor": "black", "hatch": "/////", "linewidth": 0.5}
SCORES = {
    "forgetting_events": "forgetting events",
    "learning_time": "learning time\n(epochs)",
    "wrong_events": "wrong events\n(epochs)",
}


def shares_of(values: pandas.DataFrame, name: str, *, unlearnt: float = np.inf) -> pandas.DataFrame:
    """The shares of clean and of mislabelled samples with at most so much of a score, and of those that are never learnt.

    Samples that were never presented have no score (NaN), and are left out.

    values: one row per sample: group, the score `name`, and true_last, whether the last prediction is the true class.
    unlearnt: from this value on, a sample is not learnt (infinite forgetting events, a learning time of all epochs).

    Returns rows with group, at_most and share; those of samples that are never learnt have an infinite at_most, and in
    true_last the share of all samples of the group that are never learnt and predicted as their true class at the end.
    """
    parts = []
    for group in GROUPS:
        rows = values[(values["group"] == group) & values[name].notna()]
        never, all_ = rows[rows[name] >= unlearnt], max(len(rows), 1)
        x, count = np.unique(rows.loc[rows[name] < unlearnt, name], return_counts=True)
        # Every curve begins at 0.
        x, y = (x, np.cumsum(count) / all_) if len(x) and x[0] == 0 else (np.r_[0, x], np.r_[0, np.cumsum(count) / all_])
        parts.append(pandas.DataFrame({"group": group, "at_most": x, "share": y}))
        last = {"group": group, "at_most": np.inf, "share": len(never) / all_, "true_last": never["true_last"].sum() / all_}
        parts.append(pandas.DataFrame([last]))
    return pandas.concat(parts, ignore_index=True)


def cumulative(
    shares: pandas.DataFrame,
    *,
    right: float | None = None,
    most: float = np.inf,
    never: bool | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """The share of clean and of mislabelled samples with at most so much of a score; kwargs go to `Axes.plot`.

    Samples that are never learnt are in no curve, so that it ends below 1; their shares are bars in a category of their own
    at the right, on the same scale. The hatched part is predicted as the true class at the end.

    shares: from `shares_of`. right: where the axis ends; None: at the highest value. most: the highest value that is possible,
    where the curves end if the axis does not end before. never: whether there is the category;
    None: if any sample is never learnt.
    """
    ax = ax or plt.gca()
    learnt = shares[np.isfinite(shares["at_most"])]
    left = shares[np.isinf(shares["at_most"])]
    end = max(float(learnt["at_most"].max()) if right is None else right, 1.0)
    with_never = bool(left["share"].any()) if never is None else never
    for group, style in GROUPS.items():
        rows = learnt[learnt["group"] == group]
        # Every curve goes on to its end: no sample has more.
        ends = np.r_[rows["at_most"], min(end, most)], np.r_[rows["share"], rows["share"].iloc[-1]]
        ax.plot(*ends, drawstyle="steps-post", label=f"{group} samples", **style | kwargs)
    locations = [at for at in MaxNLocator(nbins=5, integer=True).tick_values(0, end) if 0 <= at <= end]
    labels = [f"{at:.0f}" for at in locations]
    if with_never:
        wide = 0.11 * end
        middle = end + 2.2 * wide
        for place, (group, style) in zip((middle - wide / 2, middle + wide / 2), GROUPS.items(), strict=True):
            row = left[left["group"] == group].iloc[0]
            ax.bar(place, row["share"], wide, color=style["color"], alpha=0.55, linewidth=0)
            if row["true_last"]:
                ax.bar(place, row["true_last"], wide, **HATCHED)
        ax.axvline(end + wide * 0.6, color="0.6", linewidth=0.6, gid="guide")
        # A number must not run into the word.
        locations, labels = [at for at in locations if at < 0.88 * end], labels[: sum(at < 0.88 * end for at in locations)]
        locations, labels = [*locations, middle], [*labels, "never"]
    ax.set_xticks(locations, labels)
    ax.set(ylim=(-0.02, 1.02))
    return ax


@FIGURES.register("forgetting", caption="How often samples are forgotten and when they are learnt")
def forgetting_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The cumulative distributions of three counts, for the first seed of each method.

    Samples that are never learnt are in a category of their own.
    """
    runs.check_mislabelled()
    shown = list(SCORES) if has_room(width) else list(SCORES)[:2]
    parts, epochs = [], {}
    for method, records in runs.one_per_method(4, CHOSEN).items():
        epochs[method] = records.sizes["epoch"]
        values = pandas.DataFrame({name: score(records, name) for name in shown})
        values["group"] = np.where(records["mislabelled"].values, "mislabelled", "clean")
        values["true_last"] = records["prediction"][-1].values == records["true"].values
        for name in shown:
            unlearnt = epochs[method] if name == "learning_time" else np.inf
            parts.append(shares_of(values, name, unlearnt=unlearnt).assign(method=method, score=name))
    numbers = pandas.concat(parts, ignore_index=True)[["method", "score", "group", "at_most", "share", "true_last"]]
    methods = list(dict.fromkeys(numbers["method"]))
    # They stand beside their rows, which many methods make low.
    names = runs.names.short("method", methods, 20 if len(methods) <= 3 else 14)
    with paper_style():
        size = inches(width), 1.45 * len(methods) + 1.3
        figure, axes = plt.subplots(
            len(methods), len(shown), figsize=size, sharex="col", sharey=True, squeeze=False, layout="constrained"
        )
        for column, name in zip(axes.T, shown, strict=True):
            rows = numbers[numbers["score"] == name]
            end = float(rows.loc[np.isfinite(rows["at_most"]), "at_most"].max())
            never = bool(rows.loc[np.isinf(rows["at_most"]), "share"].any())
            for ax, method in zip(column, methods, strict=True):
                cumulative(rows[rows["method"] == method], right=end, most=epochs[method], never=never, ax=ax)
                ax.set_xlabel(SCORES[name])
                ax.label_outer()
        for ax, method in zip(axes[:, 0], methods, strict=True):
            # On a page with room for few panels, they are low.
            ax.set_ylabel(f"{names[method]}\nshare{'' if runs.panels else ' of samples'}")
        shared_legend(figure, *_with_bars(*legend_entries(axes.flat), numbers))
        figure.suptitle(
            runs.one_seed_title(methods, "; lines: samples with at most so many; bars: samples never learnt"), wrap=True
        )
    never_learnt = numbers[np.isinf(numbers["at_most"]) & (numbers["score"] == shown[0])]
    finding = told("Share of clean and of mislabelled samples that are never learnt", never_learnt, "share", runs)
    return DrawnFigure(figure, numbers, finding=finding)


def _with_bars(handles: list[Artist], labels: list[str], numbers: pandas.DataFrame) -> tuple[list[Artist], list[str]]:
    """Entries of a legend, with those of the two parts of the bars, as far as there are any."""
    left = numbers[np.isinf(numbers["at_most"])]
    plain = Patch(facecolor="0.4", alpha=0.55, linewidth=0), "never learnt, not the true class at the end"
    hatched = Patch(**HATCHED), "never learnt, true class at the end"
    there = (left["share"] > left["true_last"]).any(), left["true_last"].any()
    shown = [entry for entry, is_there in zip((plain, hatched), there, strict=True) if is_there]
    return [*handles, *(patch for patch, _ in shown)], [*labels, *(text for _, text in shown)]
