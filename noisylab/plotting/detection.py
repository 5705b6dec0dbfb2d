"""How well scores find the mislabelled samples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

from noisylab.analysis.mislabel_detection import detection_table, suspicion
from noisylab.analysis.scoring import available, score
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import DASHES, MARKERS, PALETTE, Width, has_room, inches, paper_style, shared_legend, short_labels

# Maximum number of corners of a curve.
CORNERS = 200


def score_style(number: int) -> dict[str, Any]:
    """Colour and line of the score at this position in the legend."""
    colour = number % 7
    look = {"color": PALETTE[colour], "linestyle": DASHES[(number // 7 + colour) % len(DASHES)], "linewidth": 1.1}
    # In greyscale, colours look alike.
    return look | {"marker": MARKERS[number % len(MARKERS)], "markersize": 2.8, "markevery": 0.19 + 0.006 * number}


def roc_and_pr(values: np.ndarray, mislabelled: np.ndarray) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The corners of the ROC and of the precision-recall curve of float[N] (high = suspect), at most CORNERS of each."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    there = ~np.isnan(values)
    ranked = np.unique(values[there], return_inverse=True)[1]
    false, true, _ = roc_curve(mislabelled[there], ranked)
    precision, recall, _ = precision_recall_curve(mislabelled[there], ranked)
    return (
        _thinned(pandas.DataFrame({"x": false, "y": true})),
        _thinned(pandas.DataFrame({"x": recall[::-1], "y": precision[::-1]})),
    )


def distinct(suspicions: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Only the first of all scores that give the same ranking, such as correctness and wrong events."""
    kept: dict[str, NDArray[np.float64]] = {}
    ranks: set[bytes] = set()
    for name, values in suspicions.items():
        rank = np.unique(np.round(values, 9), return_inverse=True)[1].tobytes()
        if rank not in ranks:
            kept[name] = values
        ranks.add(rank)
    return kept


def score_curves(numbers: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A line per score through x and y; kwargs go to `Axes.plot`. numbers: rows with score, x, y."""
    ax = ax or plt.gca()
    for place, (name, rows) in enumerate(numbers.groupby("score", sort=False)):
        ax.plot(rows["x"], rows["y"], **score_style(place) | {"label": str(name).replace("_", " ")} | kwargs)
    return ax


@FIGURES.register("detection", caption="How well each score finds the mislabelled samples")
def detection_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """ROC, precision-recall and ROC-AUC over epochs of every score, for the first seed of each method.

    A page has room for three methods, a column for one. A curve over epochs starts where its score has a value; scores with
    the same ranking are drawn once. Raises ValueError if no sample is mislabelled, or nothing was recorded.
    """
    runs.check_mislabelled()
    parts = []
    for method, records in runs.one_per_method(3 if has_room(width) else 1).items():
        mislabelled = records["mislabelled"].values
        found = {name: suspicion(score(records, name), name) for name in available(records)}
        names = distinct({name: values for name, values in found.items() if not np.isnan(values).all()})
        for name, values in names.items():
            roc, pr = roc_and_pr(values, mislabelled)
            parts += [roc.assign(method=method, panel="ROC", score=name), pr.assign(method=method, panel="PR", score=name)]
        epochs = records.sizes["epoch"]
        chosen = sorted({round(epoch) for epoch in np.linspace(0, epochs - 1, min(epochs, 40)).tolist()})
        over = detection_table(records, list(names), epochs=chosen)
        over = over.assign(x=over["epoch"] + 1, y=over["roc_auc"], method=method, panel="AUC")
        parts.append(over[["x", "y", "method", "panel", "score"]].dropna())
    numbers = pandas.concat(parts, ignore_index=True)
    methods, scores = list(dict.fromkeys(numbers["method"])), list(dict.fromkeys(numbers["score"]))
    labels = {"ROC": ("false positive rate", "true positive rate"), "PR": ("recall", "precision"), "AUC": ("epoch", "ROC-AUC")}
    short = short_labels(methods, 14)
    lowest = float(numbers.loc[numbers["panel"] == "AUC", "y"].min())
    with paper_style():
        shape = (len(methods), 3) if has_room(width) else (3 * len(methods), 1)
        height = 2.0 * len(methods) + 1.2 if has_room(width) else 1.75 * 3 * len(methods) + 1.6
        figure, grid = plt.subplots(*shape, figsize=(inches(width), height), squeeze=False, layout="constrained")
        for method, axes in zip(methods, grid.reshape(len(methods), 3), strict=True):
            for ax, (panel, (x, y)) in zip(axes, labels.items(), strict=True):
                rows = numbers[(numbers["method"] == method) & (numbers["panel"] == panel)]
                # A score looks the same in every panel, even without a value.
                ordered = rows.assign(place=rows["score"].map(scores.index)).sort_values("place", kind="stable")
                # Between thresholds, precision is not on a straight line.
                score_curves(ordered, ax=ax, drawstyle="steps-post" if panel == "PR" else "default")
                ax.set(xlabel=x, ylabel=y, ylim=(-0.02 if panel != "AUC" else lowest - 0.02, 1.02))
                ax.set_title(f"{short[method]}: {'over epochs' if panel == 'AUC' else panel}")
        shared_legend(figure, *grid[0, 0].get_legend_handles_labels())
        figure.suptitle(runs.one_seed_title(methods), wrap=True)
    return DrawnFigure(figure, numbers)


def _thinned(corners: pandas.DataFrame) -> pandas.DataFrame:
    if len(corners) <= CORNERS:
        return corners
    return corners.iloc[np.unique(np.linspace(0, len(corners) - 1, CORNERS).round().astype(int))]
