"""Which score finds the mislabelled samples best, under every noise of a study."""

from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from noisylab.analysis.mislabel_detection import detection_table
from noisylab.analysis.scoring import available
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import listed, seeds_of
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import best_score
from noisylab.plotting.study_runs import PANELS, StudyRuns
from noisylab.plotting.style import Width, has_room, inches, paper_style, share_text
from noisylab.study.verify import read_records

SHOWN = "How well each score finds the mislabelled samples, under every noise"
Measure = Literal["roc_auc", "average_precision"]
SAID = {"roc_auc": "ROC-AUC", "average_precision": "average precision"}
# Inches that a number needs, and a row of them; what the names of scores and those of noises take at most.
CELL, ROW, SCORES, NOISES = 0.27, 0.165, 1.15, 24
# The least width of a map.
NARROW = 1.2


def score_heatmap(table: pandas.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A row for each score and a column for each noise, the best of each column framed and bold; kwargs go to `Axes.imshow`.

    table: float, scores x noises, each in [0, 1].
    """
    ax = ax or plt.gca()
    values = table.to_numpy(np.float64)
    image = ax.imshow(values, **{"vmin": 0, "vmax": 1, "cmap": "Blues", "aspect": "auto", **kwargs})
    ax.grid(visible=False)
    ax.set_yticks(range(len(table)), [str(name).replace("_", " ") for name in table.index])
    ax.set_xticks(range(values.shape[1]), list(map(str, table.columns)), rotation=90)
    ax.tick_params(length=0)
    texts, best = _texts(values)
    shade = np.asarray(image.norm(values), dtype=np.float64)
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        if not np.isnan(value):
            weight = "bold" if best[row, column] else "normal"
            color = "white" if shade[row, column] > 0.55 else "0.15"
            ax.text(column, row, texts[row][column], ha="center", va="center", fontsize=6, fontweight=weight, color=color)
            if best[row, column]:
                frame: dict[str, Any] = {"fill": False, "edgecolor": "black", "linewidth": 1.2}
                ax.add_patch(Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, **frame))
    return ax


def _texts(values: NDArray[np.float64]) -> tuple[list[list[str]], NDArray[np.bool_]]:
    """What is written into the cells, and the best of each column: those that read as the highest one does.

    Two digits are enough if no other cell of a column reads as its best one.
    """
    known = np.where(np.isnan(values), -1, values)
    written = {digits: np.array([[share_text(value, digits) for value in row] for row in known]) for digits in (2, 3)}
    highest = known.argmax(axis=0), np.arange(known.shape[1])
    best = (written[3] == written[3][highest]) & (known >= 0)
    alike = (written[2] == written[2][highest]) & ~best
    return written[3 if alike.any() else 2].tolist(), best


@FIGURES.register("detection_summary", caption=SHOWN, smaller=[{"most": count} for count in (10, 6)])
def detection_summary_figure(
    runs: StudyRuns, *, measure: Measure = "roc_auc", most: PositiveInt | None = None, width: Width = "page"
) -> DrawnFigure:
    """A heat map of scores and noises for each method that fits, with means over seeds; the best score of a noise is marked.

    measure: roc_auc or average_precision. most: of the scores, those that are best on average (None: all that fit). Of many
    noises, as many as can be read are drawn, at even distances.
    Raises ValueError if no sample is mislabelled, or nothing was recorded.
    """
    runs.check_alike()
    rows = runs.under_noise if runs.chosen else runs.ordered
    rows = rows[rows["realised_rate"] > 0]
    if rows.empty:
        runs.check_mislabelled()
    across, everything = inches(width), list(dict.fromkeys(rows["noise"]))
    room = int((across - SCORES - 0.1) / CELL)
    places = sorted({round(at) for at in np.linspace(0, len(everything) - 1, min(room, len(everything))).tolist()})
    noises = [everything[place] for place in places]
    # Side by side, or two below one another.
    panel = SCORES + max(len(noises) * CELL, NARROW)
    fit = max(2, min(PANELS, int(across / panel))) if has_room(width) else 2
    found = _detections(rows[rows["noise"].isin(noises)], runs, runs.room(len(runs.methods) or fit))
    if found.empty:
        raise runs.nothing_recorded()
    grouped = found.groupby(["method", "noise", "score"], sort=False)
    numbers = grouped[list(SAID)].mean().assign(n=grouped.size()).reset_index()
    methods = list(dict.fromkeys(numbers["method"]))
    short = runs.names.short("noise", noises, NOISES)
    numbers = _best_first(numbers, measure)
    ranked = list(numbers.groupby("score", sort=False)[measure].mean().sort_values(ascending=False, kind="stable").index)
    kept = ranked[: most or len(ranked)]
    numbers = numbers[numbers["score"].isin(kept)].reset_index(drop=True)
    tables = {str(name): _table(of_method, measure, noises) for name, of_method in numbers.groupby("method", sort=False)}
    beside = has_room(width) and len(methods) > 1 and len(methods) * panel <= across
    lines, panels = max(map(len, tables.values())), 1 if beside else len(methods)
    height = (lines * ROW + 0.3) * panels + 0.07 * max(map(len, short.values())) + (0.5 if has_room(width) else 0.8)
    # Below it is chance.
    lowest = min(0.5 if measure == "roc_auc" else 0.0, float(numbers[measure].min()))
    with paper_style():
        shape = (1, len(methods)) if beside else (len(methods), 1)
        figure, axes = plt.subplots(*shape, figsize=(across, height), squeeze=False, layout="constrained")
        for ax, name in zip(axes.flat, tables, strict=True):
            score_heatmap(tables[name].rename(columns=short), ax=ax, vmin=lowest)
            fitting = max(14, int(len(noises) * CELL / 0.06)) if beside else 30 if has_room(width) else 22
            ax.set_title(runs.names.short("method", methods, fitting)[name])
            last = beside or ax is axes.flat[-1]
            ax.set(xlabel="noise" if last else "", ylabel="score" if ax in axes[:, 0] else "")
            if not last:
                ax.set_xticklabels([])
        left = "" if runs.chosen else runs.part_of_noises(noises)
        one = found[["noise", "method", "run"]].drop_duplicates()
        seeds = seeds_of(runs.rows_of(one))
        over = seeds if found["run"].nunique() == len(one[["noise", "method"]].drop_duplicates()) else f"mean over {seeds}"
        figure.suptitle(
            f"{runs.title}{runs.part(methods, rows)}{left}\n{SAID[measure]} of {runs.under_noise['record'].iloc[0]} records, "
            f"{over}; framed: the best score of each noise",
            wrap=True,
        )
    left = listed([score.replace("_", " ") for score in ranked[len(kept) :]])
    caption = f"{SHOWN}. Scores not shown: {left} (detection_summary(most={len(ranked)}) has all)" if left else SHOWN
    return DrawnFigure(figure, numbers, caption, finding=best_score(numbers, measure, runs, SAID[measure]))


def _detections(rows: pandas.DataFrame, runs: StudyRuns, most: int) -> pandas.DataFrame:
    """`detection_table` of all runs of the first `most` methods that have records."""
    parts: list[pandas.DataFrame] = []
    shown: set[str] = set()
    order = list(dict.fromkeys(rows["method"]))
    for method in runs.preferred(rows):
        of_method = rows[rows["method"] == method]
        if len(shown) == most:
            break
        for row in of_method.to_dict("records"):
            records = read_records(runs.folder / str(row["id"])).load()
            if available(records) and (records["prediction"][-1].values != records.attrs["missing"]).any():
                table = detection_table(records).drop(columns=["run", "epoch"])
                parts.append(table.assign(method=method, noise=row["noise"], run=row["id"]).dropna(subset=["roc_auc"]))
                shown.add(str(method))
    if not parts:
        return pandas.DataFrame()
    found = pandas.concat(parts, ignore_index=True)
    return found.sort_values("method", key=lambda held: held.map(order.index), kind="stable", ignore_index=True)


def _table(numbers: pandas.DataFrame, measure: str, noises: list[str]) -> pandas.DataFrame:
    """Scores x noises."""
    table = numbers.pivot(index="score", columns="noise", values=measure)
    return table.reindex(index=numbers["score"].unique(), columns=[noise for noise in noises if noise in table])


def _best_first(numbers: pandas.DataFrame, measure: str) -> pandas.DataFrame:
    """The rows with the scores in one order for all methods, the best on average first."""
    order = numbers.groupby("score", sort=False)[measure].mean().sort_values(ascending=False, kind="stable").index
    places = numbers.assign(place=numbers["score"].map(list(order).index))
    return places.sort_values(["method", "place"], key=_first_seen, kind="stable", ignore_index=True).drop(columns="place")


def _first_seen(column: "pandas.Series[Any]") -> "pandas.Series[Any]":
    """Methods stay in their order, and places are numbers."""
    return column if column.dtype.kind in "iu" else pandas.Series(pandas.factorize(column)[0], index=column.index)
