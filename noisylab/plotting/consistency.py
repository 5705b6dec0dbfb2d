"""How consistently clean and mislabelled samples are predicted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas
import seaborn
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.scoring import available, score
from noisylab.analysis.tables import summarise_epochs
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import curves, from_one, learning_rate_drops, mark_drops
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import StudyRuns, drawn_singly
from noisylab.plotting.style import Width, has_room, inches, legend_entries, paper_style, shared_legend

# Characters of a name below a violin.
LONGEST = 24
SCORES = {"prediction_consistency": "share equal\nto last epoch", "step_consistency": "share equal\nto last batch"}


def consistency_distribution(
    values: pandas.DataFrame, name: str, *, names: Mapping[str, str] | None = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """The distribution of a score for clean (left) and mislabelled samples of each method; kwargs go to `seaborn.violinplot`.

    values: one row per sample: method, group, and the score `name` in [0, 1]. names: the name of each method below its violin
    (None: the usual ones).
    """
    ax = ax or plt.gca()
    palette = {group: style["color"] for group, style in GROUPS.items()}
    style = {"split": True, "inner": "quart", "cut": 0, "density_norm": "width", "linewidth": 0.7, "gap": 0.08, "legend": False}
    methods = list(map(str, values["method"].unique()))
    called = DisplayNames().short("method", methods, LONGEST) if names is None else names
    seaborn.violinplot(
        values, x="method", order=methods, y=name, hue="group", hue_order=list(GROUPS), palette=palette, ax=ax, **style | kwargs
    )
    for collection, hatch in zip(ax.collections, ("", "////") * len(ax.collections), strict=False):
        collection.set_hatch(hatch)
    ax.set(xlabel="", ylim=(-0.02, 1.02))
    ax.set_xticks(range(len(methods)), [called[method] for method in methods])
    if max(len(called[method]) for method in methods) > 8:
        ax.tick_params(axis="x", labelrotation=90)
    return ax


@FIGURES.register("consistency", caption="How consistently clean and mislabelled samples are predicted")
def consistency_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The distribution over samples of the share of equal predictions, and the share over epochs.

    Between epochs and, if there are second presentations (DLB, repeat), between consecutive batches.
    """
    runs.check_mislabelled()
    first = runs.one_per_method()
    if all(records.sizes["epoch"] == 1 for records in first.values()):
        raise ValueError("predictions are compared between epochs, but the runs have one epoch each")
    names = [name for name in SCORES if any(name in available(records) for records in first.values())]
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
    short = runs.names.short("method", list(first), LONGEST)
    numbers = pandas.concat(
        [summarise_epochs(rows, names).assign(group=group) for group, rows in epochs.groupby("group", sort=False)],
        ignore_index=True,
    )
    drops = learning_rate_drops(runs.metrics())
    with paper_style():
        shape = (len(names), 3) if has_room(width) else (3 * len(names), 1)
        height = (2.1 * len(names) + 0.9) if has_room(width) else (1.35 * 3 * len(names) + 0.8)
        # Vertical names need room.
        height += 0.6 * len(names) * (max(map(len, short.values())) > 8)
        size = inches(width), height
        figure, grid = plt.subplots(*shape, figsize=size, layout="constrained", squeeze=False)
        for name, axes in zip(names, grid.reshape(len(names), 3), strict=True):
            there = [method for method, records in first.items() if name in available(records)]
            consistency_distribution(samples[samples["method"].isin(there)], name, names=short, ax=axes[0])
            axes[0].set(title="samples of one seed", ylabel=SCORES[name])
            for ax, group in zip(axes[1:], GROUPS, strict=True):
                chosen = numbers[(numbers["group"] == group) & numbers["method"].isin(there)]
                of_group = None if seeds is None else seeds[(seeds["group"] == group) & seeds["method"].isin(there)]
                curves(chosen.dropna(subset=[name]), name, seeds=of_group, styles=looks, ax=ax)
                mark_drops(drops, ax)
                ax.set(title=f"{group} samples", xlabel="epoch", ylim=(-0.02, 1.02))
        handles, labels = legend_entries(grid.reshape(len(names), 3)[:, 1:].flat)
        for (group, style), hatch in zip(GROUPS.items(), ("", "////"), strict=True):
            handles.append(Patch(facecolor=style["color"], hatch=hatch))
            labels.append(group)
        shared_legend(figure, handles, labels)
        figure.suptitle(runs.records_title(runs_drawn), wrap=True)
    return DrawnFigure(figure, numbers)


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
