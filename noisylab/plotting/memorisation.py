"""Test accuracy and the memorised share of mislabelled samples against the images processed, and their differences."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from noisylab.analysis.comparisons import compare, of_pairs, usual_contrasts, usual_pairs
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import seeds_of
from noisylab.plotting.differences import FEW, seed_differences
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import from_one, seed_lines, with_runs
from noisylab.plotting.looks import GROUPS, Look, looks, mark_every, number_lines
from noisylab.plotting.study_runs import LONGEST, StudyRuns, most_asked
from noisylab.plotting.style import Width, exposure_legend, has_room, inches, narrow, paper_style

MEASURES = {"test_accuracy": "test accuracy", "mislabelled_memorised": "memorised share"}
# The columns of the numbers with a difference, each with its column of `results.csv` and its look.
DIFFERENCES: dict[str, tuple[str, Look]] = {
    "difference": ("test_accuracy_last", {"color": "0.25", "marker": "o", "label": "difference in test accuracy"}),
    "memorised_difference": (
        "memorised",
        {"color": GROUPS["mislabelled"]["color"], "marker": "s", "label": "in memorised share"},
    ),
}
# The noises of a study with more than fit.
SHOWN = ("symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
# The most noises on a page and in a column, and the most contrasts.
MOST, MOST_IN_COLUMN, CONTRASTS = 4, 2, 3


def seed_curves(
    numbers: pandas.DataFrame,
    measure: str,
    *,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A measure against the thousands of images processed: a thin line per seed and a thick one for the mean of each method.

    Args:
        numbers: A row per method, seed and epoch: method, run, epoch, images (cumulative), and `measure`; NaN is left out.
        measure: A column of `numbers`.
        styles: The look of each method (`looks`). None: allotted over those in `numbers`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    held = looks(list(map(str, numbers["method"].unique()))) if styles is None else styles
    for place, (method, rows) in enumerate(numbers.dropna(subset=[measure]).groupby("method", sort=False)):
        look = held[str(method)]
        seed_lines(rows, "images", measure, look, ax, **kwargs)
        mean = rows.groupby("epoch")[["images", measure]].mean()
        thick = look | {"linewidth": 1.6, "markevery": mark_every(len(mean), place)}
        ax.plot(mean["images"], mean[measure], **thick | kwargs)
    number_lines(ax)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images / 1000:g}"))
    return ax


def difference_points(
    rows: pandas.DataFrame, contrasts: Mapping[tuple[str, str], str], *, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """A row for each contrast, with its difference in accuracy and, below it, in the memorised share, in points.

    Differences have their 95 % intervals, or with two seeds a small point for each of these.

    Args:
        rows: method, baseline, n, and the columns of `DIFFERENCES` with their `_ci95_half`; rows of a seed have no n.
        contrasts: All contrasts, each with its name.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    for beside, (column, (_, look)) in zip((-0.15, 0.15), DIFFERENCES.items(), strict=True):
        labelled = False
        for place, (method, baseline) in enumerate(contrasts):
            own = rows[(rows["method"] == method) & (rows["baseline"] == baseline) & rows[column].notna()]
            style: dict[str, Any] = {"linestyle": "none", "markersize": 4, "capsize": 1.5, "elinewidth": 0.9} | look
            for row in own[own["n"].notna()].to_dict("records"):
                half = row[f"{column}_ci95_half"]
                reach = 100 * half if half > 0 and row["n"] > FEW else None
                once: dict[str, Any] = {"label": "_nolegend_"} if labelled else {}
                ax.errorbar(100 * row[column], place + beside, xerr=reach, **style | once | kwargs)
                labelled = True
            seeds = own[own["n"].isna()]
            dots = {"markersize": 2, "alpha": 0.6, "label": "_nolegend_"}
            plain = {name: value for name, value in look.items() if name != "label"}
            ax.plot(100 * seeds[column], [place + beside] * len(seeds), linestyle="none", **plain | dots)
    ax.axvline(0, color="0.3", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(contrasts)), list(contrasts.values()))
    ax.set_ylim(len(contrasts) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    return ax


@FIGURES.register(
    "memorisation",
    caption="Test accuracy and the memorised share of mislabelled samples, against the images processed, and below, paired "
    "differences at the last epoch",
)
def memorisation_figure(runs: StudyRuns, *, noises: tuple[str, ...] = (), width: Width = "page") -> DrawnFigure:
    """Test accuracy and the memorised share against the images that the measured network processed, for each noise.

    Thin lines are seeds, thick ones their mean. At one place of the horizontal axis, all methods have seen equally many images.
    Below are the differences of the primary contrasts at the last epoch, with their 95 % intervals.

    noises: as the tables name them (none: the chosen one, or up to four of the study's, two in a column).
    """
    runs.check_alike()
    wide = has_room(width)
    shown = list(noises) or usual_noises(runs, MOST if wide else MOST_IN_COLUMN)
    if unknown := [noise for noise in shown if noise not in set(runs.results["noise"])]:
        there = ", ".join(dict.fromkeys(runs.results["noise"]))
        raise ValueError(f"noises must be of the study's, {there}, got {unknown[0]!r}")
    metrics = runs.metrics(shown)
    if metrics["mislabelled_memorised"].isna().all():
        raise runs.nothing_recorded()
    metrics = metrics.assign(images=metrics.groupby("run", sort=False)["images"].cumsum())
    numbers = from_one(metrics)[["noise", "method", "run", "epoch", "images", *MEASURES]]
    runs_drawn = runs.ordered[runs.ordered["noise"].isin(shown) & runs.ordered["method"].isin(numbers["method"])]
    # Of all methods, and corrected over all differences of the tables, so that p-values are theirs.
    under = runs.ordered[runs.ordered["noise"].isin(shown)]
    asked = usual_contrasts(under, runs.contrasts)
    differences = _differences(under, most_asked(asked, CONTRASTS), usual_pairs(under, asked))
    compared = dict.fromkeys([*differences.get("method", ()), *differences.get("baseline", ())])
    methods = runs.names.short("method", list(compared), 18 if wide else 11)
    pairs = dict.fromkeys(zip(differences["method"], differences["baseline"], strict=True))
    contrasts = {(method, baseline): f"{methods[method]}\n\N{MINUS SIGN} {methods[baseline]}" for method, baseline in pairs}
    with paper_style():
        figure, panels = _panels(len(shown), len(contrasts), width)
        names, styles = runs.names.short("noise", shown, LONGEST), runs.looks_of(numbers["method"])
        titles = dict(zip(shown, narrow([names[noise] for noise in shown], 30 if wide else 20), strict=True))
        for place, (noise, (*line, last)) in enumerate(zip(shown, panels, strict=True)):
            rows = numbers[numbers["noise"] == noise]
            for ax, (measure, name) in zip(line, MEASURES.items(), strict=True):
                seed_curves(rows, measure, styles=styles, ax=ax)
                ax.set_ylabel(name if place == 0 else "")
                ax.yaxis.set_major_locator(MaxNLocator(nbins=4))
            line[0].set_title(titles[noise])
            line[-1].set_xlabel("thousand images")
            if last is not None:
                difference_points(differences[differences["noise"] == noise], contrasts, ax=last)
                last.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
                last.set_xlabel("difference (points)" if wide or len(shown) == 1 else "points")
        drawn = [ax for line in panels for ax in line if ax is not None]
        exposure_legend(figure, drawn, runs_drawn, styles)
        chosen = "" if noises else _of_noises(runs, shown)
        one = runs_drawn.groupby(["noise", "method"]).size().max() == 1
        lines = seeds_of(runs_drawn) if one else f"thin: {seeds_of(runs_drawn)}, thick: their mean"
        below = _said_of(differences, len(asked), seeds_of(runs_drawn))
        part = runs.part(numbers["method"], under)
        figure.suptitle(
            f"{runs.title}{part}{chosen}\n{runs.results['record'].iloc[0]} records; {lines}{below}",
            wrap=True,
        )
    means = numbers.groupby(["noise", "method", "epoch"], sort=False, as_index=False)[["images", *MEASURES]].mean()
    several = numbers.groupby(["noise", "method"])["run"].nunique().max() > 1
    curves = with_runs(means, numbers) if several else numbers
    return DrawnFigure(figure, pandas.concat([curves, differences], ignore_index=True) if len(differences) else curves)


def _differences(rows: pandas.DataFrame, contrasts: list[tuple[str, str]], family: list[tuple[str, str]]) -> pandas.DataFrame:
    """The differences of the contrasts under each noise at the last epoch, and those in single seeds if there are two.

    family: the pairs over which p is corrected.
    """
    family = [*contrasts, *(pair for pair in family if pair not in contrasts)]
    columns = ["noise", "method", "baseline", "n"]
    if not contrasts:
        return pandas.DataFrame(columns=columns)
    found = pandas.DataFrame()
    for column, (measure, _) in DIFFERENCES.items():
        held = of_pairs(compare(rows, measure, contrasts=family), contrasts)
        named = {name: name.replace("difference", column) for name in ("difference", "difference_ci95_half")}
        table = held.rename(columns=named | {"p_holm": f"{column}_p_holm"})
        kept = [*columns[:3], *(["n"] if column == "difference" else []), *named.values(), f"{column}_p_holm"]
        found = table[kept] if found.empty else found.merge(table[kept], on=columns[:3], how="left")
    if found["n"].max() != FEW:
        return found
    of_seeds = [
        seed_differences(rows, contrasts, measure).rename(columns={"difference": column})
        for column, (measure, _) in DIFFERENCES.items()
    ]
    keys = [name for name in of_seeds[0] if name not in DIFFERENCES]
    seeds = of_seeds[0].merge(of_seeds[1], on=keys, how="outer")
    return pandas.concat([found, seeds[seeds["noise"].isin(found["noise"])]], ignore_index=True)


def _said_of(differences: pandas.DataFrame, asked: int, seed: str) -> str:
    """What the lower row of panels shows; asked: the number of contrasts that the runs have; seed: which one, if it is one."""
    if differences.empty:
        return ""
    most, pairs = int(differences["n"].max()), len(differences[["method", "baseline"]].drop_duplicates())
    left = f"; {pairs} of {asked} contrasts" if pairs < asked else ""
    counts = " to ".join(dict.fromkeys(str(int(count)) for count in (differences["n"].min(), most)))
    if most == 1:
        return f"\nbelow: differences of {seed} at the last epoch{left}"
    if most == FEW:
        return f"\nbelow: paired differences at the last epoch, large: mean over, small: {counts} seeds{left}"
    return f"\nbelow: mean and 95 % interval of paired differences over {counts} seeds at the last epoch{left}"


def usual_noises(runs: StudyRuns, most: int) -> list[str]:
    """The chosen noise, or the noisy settings of the study, the usual ones if there are more than fit."""
    if runs.chosen:
        runs.check_mislabelled()
        return [runs.noise]
    rates = runs.ordered.groupby("noise", sort=False)["realised_rate"].max()
    noisy = [str(noise) for noise in rates.index[rates > 0]]
    if not noisy:
        runs.check_mislabelled()
    if len(noisy) <= most:
        return noisy
    usual = [noise for noise in SHOWN if noise in noisy]
    return (usual or noisy)[:most]


def _of_noises(runs: StudyRuns, shown: list[str]) -> str:
    """A note if a study has more noisy settings than are shown, and the reader did not choose."""
    noisy = runs.results.loc[runs.results["realised_rate"] > 0, "noise"].nunique()
    return f", {len(shown)} of {noisy} noises" if len(shown) < noisy and not runs.chosen else ""


def _panels(count: int, contrasts: int, width: Width) -> tuple[Figure, list[list[Any]]]:
    """A figure, and its panels by noise: accuracy, memorised share, and differences (None without contrasts)."""
    curve = 1.55 if has_room(width) else 1.35
    heights = [curve, curve, *([0.3 + 0.36 * contrasts] if contrasts else [])]
    size = inches(width), sum(heights) + (1.5 if has_room(width) else 2.0)
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(heights), count, height_ratios=heights)
    panels: list[list[Any]] = []
    for place in range(count):
        # What stands in a row is compared across noises.
        first = panels[0] if panels else [None, None, None]
        top = figure.add_subplot(grid[0, place], sharey=first[0])
        middle = figure.add_subplot(grid[1, place], sharex=top, sharey=first[1])
        low = figure.add_subplot(grid[2, place], sharex=first[2], sharey=first[2]) if contrasts else None
        top.tick_params(labelbottom=False)
        for ax in (top, middle, low) if place else ():
            if ax is not None:
                ax.tick_params(labelleft=False)
        panels.append([top, middle, low])
    return figure, panels
