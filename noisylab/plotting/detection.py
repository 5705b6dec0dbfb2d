"""How well scores find the mislabelled samples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import NDArray

from noisylab.analysis.mislabel_detection import detection_table, suspicion
from noisylab.analysis.scoring import available, score
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import listed
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import epoch_ticks
from noisylab.plotting.findings import best_score
from noisylab.plotting.looks import Look, looks_of, number_lines, numbered
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, paper_style, shared_legend

SHOWN = "How well each score finds the mislabelled samples"
# The scores of DLB's second presentation, and the most scores that a column has room for.
OWN, COLUMN = ("step_consistency",), 7
# A curve has at least so many corners, and as many more as keep its area.
CORNERS = 200
# The most methods that a reader can choose, inches of title and legend, and of the highest figure in a column and on a page.
CHOSEN, REST, HIGHEST = 4, {True: 1.2, False: 1.6}, {True: 9.0, False: 7.9}
# What leaving out corners may change of an area.
TOLERANCE = 5e-4


def roc_and_pr(values: np.ndarray, mislabelled: np.ndarray) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The corners of the ROC and of the precision-recall curve of float[N] (high = suspect), from left to right.

    The area below straight lines through the first is the ROC-AUC; the area below steps that rise or fall before each corner
    of the second (`steps-pre`) is the average precision. Corners are left out if that changes the area by less than 1e-3.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    there = ~np.isnan(values)
    ranked = np.unique(values[there], return_inverse=True)[1]
    false, true, _ = roc_curve(mislabelled[there], ranked)
    precision, recall, _ = precision_recall_curve(mislabelled[there], ranked)
    return (
        _thinned(pandas.DataFrame({"x": false, "y": true}), _below_lines),
        _thinned(pandas.DataFrame({"x": recall[::-1], "y": precision[::-1]}), _below_steps),
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


def score_curves(
    numbers: pandas.DataFrame, *, styles: Mapping[str, Look] | None = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """A line per score through x and y; kwargs go to `Axes.plot`.

    numbers: rows with score, x, y. styles: the look of each score (`looks_of`); None: allotted over those in `numbers`.
    """
    ax = ax or plt.gca()
    held = looks_of(map(str, numbers["score"].unique())) if styles is None else styles
    for name, rows in numbers.groupby("score", sort=False):
        # A mark for about a fifth of the diagonal, at another place for each score.
        every = 0.19 + 0.006 * list(held).index(str(name))
        small = {"linewidth": 1.1, "markersize": 2.8, "markevery": every if len(rows) > 1 else None}
        ax.plot(rows["x"], rows["y"], **held[str(name)] | small | kwargs)
    number_lines(ax)
    return ax


@FIGURES.register("detection", caption=SHOWN)
def detection_figure(runs: StudyRuns, *, scores: tuple[str, ...] = (), width: Width = "page") -> DrawnFigure:
    """ROC, precision-recall and ROC-AUC over epochs of every score, for the first seed of each method.

    A page has room for three methods, each a row; a column for two, side by side; and both for four that the reader chose. A
    curve over epochs starts where its score has a value; scores with the same ranking are drawn once. Raises ValueError if no
    sample is mislabelled, or nothing was recorded.

    scores: those to draw (none: all, or in a column, step consistency, which DLB alone records, and those that find most).
    """
    runs.check_mislabelled()
    parts, same, there = [], False, dict.fromkeys(scores, False)
    wide = has_room(width)
    for method, records in runs.one_per_method(3 if wide else 2, CHOSEN).items():
        mislabelled = records["mislabelled"].values
        there |= dict.fromkeys(available(records), True)
        wanted = [name for name in available(records) if name in scores or not scores]
        found = {name: suspicion(score(records, name), name) for name in wanted}
        known = {name: values for name, values in found.items() if not np.isnan(values).all()}
        names = distinct(known)
        same = same or len(names) < len(known)
        for name, values in names.items():
            roc, pr = roc_and_pr(values, mislabelled)
            parts += [roc.assign(method=method, panel="ROC", score=name), pr.assign(method=method, panel="PR", score=name)]
        epochs = records.sizes["epoch"]
        chosen = sorted({round(epoch) for epoch in np.linspace(0, epochs - 1, min(epochs, 40)).tolist()})
        over = detection_table(records, list(names), epochs=chosen)
        over = over.assign(x=over["epoch"] + 1, y=over["roc_auc"], method=method, panel="AUC")
        parts.append(over[["x", "y", "method", "panel", "score"]].dropna())
    known_scores = [name for name, is_there in there.items() if is_there]
    if unknown := [name for name in scores if name not in known_scores]:
        raise ValueError(f"scores must be of those that the records allow, {', '.join(known_scores)}, got {unknown[0]!r}")
    numbers = pandas.concat(parts, ignore_index=True)
    every = known_scores if scores else list(dict.fromkeys(numbers["score"]))
    if not (wide or scores):
        numbers = numbers[numbers["score"].isin(_first(numbers))]
    methods, shown = list(dict.fromkeys(numbers["method"])), list(dict.fromkeys(numbers["score"]))
    labels = {"ROC": ("false positive rate", "true positive rate"), "PR": ("recall", "precision"), "AUC": ("epoch", "ROC-AUC")}
    short, styles = runs.names.short("method", methods, 14), numbered(looks_of(shown))
    lowest = float(numbers.loc[numbers["panel"] == "AUC", "y"].min())
    with paper_style():
        # In a column two methods stand side by side, and further ones below them.
        across = 3 if wide else min(len(methods), 2)
        lines = len(methods) if wide else 3 * -(-len(methods) // across)
        row = min(2.0 if wide else 1.75, (HIGHEST[wide] - REST[wide]) / lines)
        figure, grid = plt.subplots(
            lines, across, figsize=(inches(width), row * lines + REST[wide]), squeeze=False, layout="constrained"
        )
        panels = grid if wide else [grid[3 * (n // across) : 3 * (n // across) + 3, n % across] for n in range(len(methods))]
        for ax in () if wide or len(methods) % across == 0 else grid[-3:, -1]:
            ax.remove()
        for method, axes in zip(methods, panels, strict=True):
            for ax, (panel, (x, y)) in zip(axes, labels.items(), strict=True):
                rows = numbers[(numbers["method"] == method) & (numbers["panel"] == panel)]
                # Between thresholds, precision is not on a straight line.
                score_curves(rows, styles=styles, ax=ax, drawstyle="steps-pre" if panel == "PR" else "default")
                if panel == "AUC":
                    epoch_ticks(ax, rows["x"])
                ax.set(xlabel=x, ylabel=y, ylim=(-0.02 if panel != "AUC" else lowest - 0.02, 1.02))
                beside = " " if wide or max(map(len, short.values())) < 6 else "\n"
                ax.set_title(f"{short[method]}:{beside}{'over epochs' if panel == 'AUC' else panel}")
                if not wide and ax.get_subplotspec().colspan.start:
                    # As beside it.
                    ax.set_ylabel("")
        shared_legend(figure, *_in_order(*legend_entries(figure.axes), styles))
        part = f"; {len(shown)} of {len(every)} scores" if len(shown) < len(every) else ""
        once = "; scores with the same ranking are drawn once" if same else ""
        figure.suptitle(runs.one_seed_title(methods, part + once), wrap=True)
    over_epochs = numbers[numbers["panel"] == "AUC"]
    last = over_epochs[over_epochs["x"] == over_epochs.groupby("method")["x"].transform("max")]
    left = listed([score.replace("_", " ") for score in every if score not in shown])
    caption = f"{SHOWN}. Scores not shown: {left} (detection(scores=[...]) chooses)" if left else SHOWN
    return DrawnFigure(figure, numbers, caption, finding=best_score(last, "y", runs, "ROC-AUC"))


def _first(numbers: pandas.DataFrame) -> list[str]:
    """As many scores as fit a column: `OWN`, then those with the highest ROC-AUC at the last epoch."""
    over_epochs = numbers[numbers["panel"] == "AUC"]
    last = over_epochs.sort_values("x", kind="stable").groupby(["method", "score"])["y"].last()
    order = last.groupby("score").mean().sort_values(ascending=False, kind="stable").index.tolist()
    return sorted(order, key=lambda name: name not in OWN)[:COLUMN]


def _in_order(handles: Sequence[Artist], labels: Sequence[str], styles: Mapping[str, Look]) -> tuple[list[Artist], list[str]]:
    """Entries of a legend in the order of their looks, whichever panel had them first."""
    found, wanted = dict(zip(labels, handles, strict=True)), [str(look["label"]) for look in styles.values()]
    shown = [label for label in wanted if label in found]
    return [found[label] for label in shown], shown


def _below_lines(corners: pandas.DataFrame) -> float:
    return float(np.trapezoid(corners["y"], corners["x"]))


def _below_steps(corners: pandas.DataFrame) -> float:
    return float(np.diff(corners["x"]) @ corners["y"].to_numpy()[1:])


def _thinned(corners: pandas.DataFrame, area: Callable[[pandas.DataFrame], float]) -> pandas.DataFrame:
    """Fewer corners, at about equal distances along the curve, as long as its area stays."""
    most, whole = CORNERS, area(corners)
    way = np.r_[0, np.cumsum(np.abs(np.diff(corners["x"])) + np.abs(np.diff(corners["y"])))]
    while most < len(corners):
        kept = corners.iloc[np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)).clip(max=len(corners) - 1))]
        if abs(area(kept) - whole) < TOLERANCE:
            return kept
        most *= 2
    return corners
