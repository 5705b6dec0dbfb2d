"""How well scores find the mislabelled samples."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.analysis.detection import detection_table, suspicion
from noisylab.analysis.scores import score
from noisylab.plotting.runs import StudyRuns
from noisylab.plotting.style import DASHES, PALETTE, WIDTHS, Columns, method_label, paper_style, shared_legend

# A curve's corners, at most.
CORNERS = 200


def score_style(number: int) -> dict[str, Any]:
    """How the score at this place of the legend is drawn."""
    colour = number % 7
    return {"color": PALETTE[colour], "linestyle": DASHES[(number // 7 + colour) % len(DASHES)], "linewidth": 1.1}


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


def score_curves(numbers: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A line per score through x and y; kwargs go to `Axes.plot`. numbers: rows with score, x, y."""
    ax = ax or plt.gca()
    for place, (name, rows) in enumerate(numbers.groupby("score", sort=False)):
        ax.plot(rows["x"], rows["y"], **score_style(place) | {"label": str(name).replace("_", " ")} | kwargs)
    return ax


def detection_figure(runs: StudyRuns, columns: Columns = 2, most: int = 3) -> tuple[Figure, pandas.DataFrame] | None:
    """For each method ROC, precision-recall and ROC-AUC over epochs of every score, of its first seed.

    None where no sample is mislabelled. most: of the methods; in one column there is room for the first alone. A curve over
    epochs starts where its score has a value.
    """
    if not runs.mislabelled:
        return None
    parts = []
    for method, records in runs.one_per_method(most if columns == 2 else 1).items():
        mislabelled = records["mislabelled"].values
        table = detection_table(records)
        for name in table["score"]:
            roc, pr = roc_and_pr(suspicion(score(records, name), name), mislabelled)
            parts += [roc.assign(method=method, panel="ROC", score=name), pr.assign(method=method, panel="PR", score=name)]
        epochs = records.sizes["epoch"]
        chosen = sorted({round(epoch) for epoch in np.linspace(0, epochs - 1, min(epochs, 40)).tolist()})
        over = detection_table(records, epochs=chosen)
        over = over.assign(x=over["epoch"] + 1, y=over["roc_auc"], method=method, panel="AUC")
        parts.append(over[["x", "y", "method", "panel", "score"]].dropna())
    numbers = pandas.concat(parts, ignore_index=True)
    methods, scores = list(dict.fromkeys(numbers["method"])), list(dict.fromkeys(numbers["score"]))
    labels = {"ROC": ("false positive rate", "true positive rate"), "PR": ("recall", "precision"), "AUC": ("epoch", "ROC-AUC")}
    with paper_style():
        shape = (len(methods), 3) if columns == 2 else (3 * len(methods), 1)
        height = 2.0 * len(methods) + 1.2 if columns == 2 else 1.75 * 3 * len(methods) + 1.6
        figure, grid = plt.subplots(*shape, figsize=(WIDTHS[columns], height), squeeze=False, layout="constrained")
        for method, axes in zip(methods, grid.reshape(len(methods), 3), strict=True):
            for ax, (panel, (x, y)) in zip(axes, labels.items(), strict=True):
                rows = numbers[(numbers["method"] == method) & (numbers["panel"] == panel)]
                # Every panel gives a score the same look, also where it has no value.
                ordered = rows.assign(place=rows["score"].map(scores.index)).sort_values("place", kind="stable")
                score_curves(ordered, ax=ax)
                ax.set(xlabel=x, ylabel=y, ylim=(-0.02, 1.02) if panel != "AUC" else (None, 1.02))
                ax.set_title(f"{method_label(method)}: {'over epochs' if panel == 'AUC' else panel}")
        shared_legend(figure, *grid[0, 0].get_legend_handles_labels())
        figure.suptitle(f"{runs.title}, {runs.noise}\n{runs.under_noise['record'].iloc[0]} records, one seed", wrap=True)
    return figure, numbers


def _thinned(corners: pandas.DataFrame) -> pandas.DataFrame:
    if len(corners) <= CORNERS:
        return corners
    return corners.iloc[np.unique(np.linspace(0, len(corners) - 1, CORNERS).round().astype(int))]
