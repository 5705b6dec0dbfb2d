"""How consistently clean and mislabelled samples are predicted."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.typing import HashableList

from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.scoring import available, score
from noisylab.analysis.tables import summarise_epochs
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import drawn_singly
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import curves, from_one, learning_rate_drops, mark_drops
from noisylab.plotting.findings import told
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import LINES, StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, paper_style, share_text, shared_legend

SHOWN = "How consistently clean and mislabelled samples are predicted"
BARS = "The bars of a method are the shares of its clean (left) and mislabelled samples (right) with each value on one scale"
# Characters of a name below bars, in a column and on a page, and of all names together that are level.
LONGEST, LEVEL = {False: 14, True: 24}, {False: 44, True: 32}
# Characters of a name in one line that is level, and of one that is vertical in a column, where height is scarce.
WHOLE, STEEP = 10, 11
# A share with fewer values has a bin for each.
MOST_VALUES = 26
HATCHES = {"clean": "", "mislabelled": "////"}
SCORES = {"prediction_consistency": "share equal\nto last epoch", "step_consistency": "share equal\nto last batch"}


def distribution(values: pandas.DataFrame, name: str) -> pandas.DataFrame:
    """The share of clean and of mislabelled samples of each method in each bin of a score.

    A share of few comparisons has few values, and a bin for each, of which none reaches beyond [0, 1]; other scores have 20.

    values: one row per sample: method, group, and the score `name` in [0, 1].

    Returns rows with method, group, low and high (the edges of a bin), and samples.
    """
    parts = []
    for method, of_method in values.dropna(subset=[name]).groupby("method", sort=False):
        found = np.unique(of_method[name].round(6))
        apart = 1 / np.diff(found).min() if len(found) > 1 else 1.0
        count = round(apart) if apart < MOST_VALUES and abs(apart - round(apart)) < 0.01 else 0
        edges = ((np.arange(count + 2) - 0.5) / count).clip(0, 1) if count else np.linspace(0, 1, 21)
        for group in GROUPS:
            of_group = of_method.loc[of_method["group"] == group, name]
            shares = np.histogram(of_group, edges)[0] / max(len(of_group), 1)
            rows = {"method": method, "group": group, "low": edges[:-1], "high": edges[1:], "samples": shares}
            parts.append(pandas.DataFrame(rows))
    return pandas.concat(parts, ignore_index=True)


def consistency_distribution(
    shares: pandas.DataFrame, *, names: Mapping[str, str] | None = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """Bars of the samples in each bin of a score, of each method: clean to the left, mislabelled to the right, on one scale.

    shares: from `distribution`. names: the name of each method below its bars (None: the usual ones). kwargs go to
    `Axes.stairs`.
    """
    ax = ax or plt.gca()
    methods = list(map(str, shares["method"].unique()))
    called = DisplayNames().short("method", methods, LONGEST[True]) if names is None else names
    # The longest bar reaches nearly to the next method.
    scale = 0.46 / max(float(shares["samples"].max()), 1e-9)
    for (place, method), (group, side) in itertools.product(enumerate(methods), (("clean", -1), ("mislabelled", 1))):
        rows = shares[(shares["method"] == method) & (shares["group"] == group)]
        edges = np.r_[rows["low"], rows["high"].iloc[-1]]
        style: dict[str, Any] = {"fill": True, "facecolor": GROUPS[group]["color"], "linewidth": 0, "hatch": HATCHES[group]}
        start = place + side * 0.015
        ax.stairs(start + side * scale * rows["samples"], edges, baseline=start, orientation="horizontal", **style | kwargs)
    ax.set(xlabel="", ylim=(-0.02, 1.02), xlim=(-0.55, len(methods) - 0.45))
    ax.set_xticks(range(len(methods)), [called[method] for method in methods])
    ax.grid(visible=False, axis="x")
    return ax


@FIGURES.register("consistency", caption=SHOWN)
def consistency_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The distribution over samples of the share of equal predictions, and the share over epochs.

    Between epochs and, if there are second presentations (DLB, repeat), between consecutive batches.
    """
    runs.check_mislabelled()
    first = runs.one_per_method(chosen=LINES, panels=False)
    if all(records.sizes["epoch"] == 1 for records in first.values()):
        raise ValueError("predictions are compared between epochs, but the runs have one epoch each")
    names = [name for name in SCORES if any(name in available(records) for records in first.values())]
    names = names[: runs.room(len(names))]
    samples = pandas.concat([_samples(method, records, names) for method, records in first.items()], ignore_index=True)
    epochs = pandas.concat(
        [
            _over_epochs(records, names).assign(method=method, run=run)
            for method, run, records in runs.records()
            if method in first
        ],
        ignore_index=True,
    )
    epochs = from_one(epochs)
    runs_drawn = epochs[["method", "run"]].drop_duplicates()
    seeds, looks = epochs if drawn_singly(runs_drawn) else None, runs.looks_of(first)
    wide = has_room(width)
    names_below, level = _names_below(runs, list(first), wide=wide)
    parts = [summarise_epochs(rows, names).assign(group=group) for group, rows in epochs.groupby("group", sort=False)]
    means = pandas.concat(parts, ignore_index=True)
    shares = {name: distribution(samples, name) for name in names}
    parts += [table.assign(score=name) for name, table in shares.items()]
    numbers = pandas.concat([*parts, *([] if seeds is None else [seeds])], ignore_index=True)
    drops, seed = learning_rate_drops(runs.metrics()), runs.seed_shown(list(first))
    with paper_style():
        # In a column, clean and mislabelled samples are side by side below the bars.
        lines: list[HashableList[str]] = [[f"{name}: bars", *[f"{name}: {group}" for group in GROUPS]] for name in names]
        heights = [1.0] * len(names)
        if not has_room(width):
            lines = [line for bars, *both in lines for line in ([bars] * 2, both)]
            heights = [1.0, 0.9] * len(names)
        height = 2.1 * len(names) + 0.9 if has_room(width) else 3.0 * len(names) + 1.0
        # Vertical names need room.
        height += 0.6 * len(names) * (not level)
        figure, axes = plt.subplot_mosaic(
            lines, figsize=(inches(width), min(height, 8.0)), height_ratios=heights, layout="constrained"
        )
        over_epochs = []
        for name in names:
            there = [method for method, records in first.items() if name in available(records)]
            bars = axes[f"{name}: bars"]
            consistency_distribution(shares[name], names=names_below, ax=bars)
            if not level:
                bars.tick_params(axis="x", labelrotation=90)
            highest = share_text(shares[name]["samples"].max(), 2)
            bars.set(title=f"how many samples (longest: {highest})", ylabel=SCORES[name])
            for group in GROUPS:
                ax = axes[f"{name}: {group}"]
                chosen = means[(means["group"] == group) & means["method"].isin(there)]
                of_group = None if seeds is None else seeds[(seeds["group"] == group) & seeds["method"].isin(there)]
                curves(chosen.dropna(subset=[name]), name, seeds=of_group, styles=looks, ax=ax)
                mark_drops(drops, ax)
                ax.set(title=f"{group} samples", xlabel="epoch", ylim=(-0.02, 1.02))
                over_epochs.append(ax)
            left, right = over_epochs[-2:]
            right.sharey(left)
            right.tick_params(labelleft=False)
            left.set_ylabel("" if has_room(width) else SCORES[name])
        handles, labels = legend_entries(over_epochs)
        for group, style in GROUPS.items():
            handles.append(Patch(facecolor=style["color"], hatch=HATCHES[group]))
            labels.append(group)
        shared_legend(figure, handles, labels)
        figure.suptitle(runs.records_title(runs_drawn), wrap=True)
    what = "Share of clean and of mislabelled samples predicted as in the epoch before"
    return DrawnFigure(figure, numbers, f"{SHOWN}. {BARS}, {seed}", finding=told(what, means, names[0], runs))


def _names_below(runs: StudyRuns, methods: list[str], *, wide: bool) -> tuple[dict[str, str], bool]:
    """The names of methods below their bars, and whether they fit level, those with options in two lines."""
    short = runs.names.short("method", methods, LONGEST[wide])
    broken = {method: name if len(name) <= WHOLE else name.replace("(", "\n(", 1) for method, name in short.items()}
    if len(methods) * max(len(line) for name in broken.values() for line in name.split("\n")) <= LEVEL[wide]:
        return broken, True
    return (short if wide else runs.names.short("method", methods, min(STEEP, max(8, LEVEL[wide] // len(methods))))), False


def _samples(method: str, records: Any, names: list[str]) -> pandas.DataFrame:
    group = np.where(records["mislabelled"].values, "mislabelled", "clean")
    there: Mapping[str, Any] = {name: score(records, name) for name in names if name in available(records)}
    return pandas.DataFrame({"method": method, "group": group, **there})


def _over_epochs(records: Any, names: list[str]) -> pandas.DataFrame:
    """One row per epoch and group: the share of its samples with the same prediction as before."""
    prediction, missing = records["prediction"].values, records.attrs["missing"]
    both = (prediction[1:] != missing) & (prediction[:-1] != missing)
    same = {"prediction_consistency": (prediction[1:] == prediction[:-1], both)}
    if "agreement" in records:
        agreement = records["agreement"].values
        same["step_consistency"] = agreement[1:] == 1, agreement[1:] >= 0
    rows = []
    for group, among in (("clean", ~records["mislabelled"].values), ("mislabelled", records["mislabelled"].values)):
        for epoch in range(len(prediction) - 1):
            row: dict[str, object] = {"epoch": epoch + 1, "group": group}
            for name in names:
                equal, known = (values[epoch][among] for values in same[name]) if name in same else (np.empty(0), np.empty(0))
                row[name] = float(equal[known].mean()) if known.any() else np.nan
            rows.append(row)
    return pandas.DataFrame(rows)
