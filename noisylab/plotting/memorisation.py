"""Test accuracy and the memorised share of mislabelled samples against the images processed, and their differences."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from noisylab.analysis.comparisons import compare, of_pairs, usual_contrasts, usual_pairs
from noisylab.analysis.variance import counted_seeds
from noisylab.core.checks import NonNegativeInt
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import contrasts_not_shown, seeds_of
from noisylab.plotting.differences import FEW, seed_differences
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import from_one, seed_lines, with_runs
from noisylab.plotting.findings import told
from noisylab.plotting.looks import GROUPS, Look, looks, mark_every, number_lines
from noisylab.plotting.study_runs import LONGEST, StudyRuns, most_asked
from noisylab.plotting.style import Width, exposure_legend, has_room, inches, narrow, panel_grid, paper_style

CURVES = "Test accuracy and the memorised share of mislabelled samples, against the images processed"
BELOW = ", and below, paired differences at the last epoch"
MEASURES = {"test_accuracy": "test accuracy", "mislabelled_memorised": "memorised share"}
# The columns of the numbers with a difference, each with its column of `results.csv`, the name of its row and its look.
DIFFERENCES: dict[str, tuple[str, str, Look]] = {
    "difference": ("test_accuracy_last", "accuracy", {"color": "0.25", "marker": "o"}),
    "memorised_difference": ("memorised", "memorised", {"color": GROUPS["mislabelled"]["color"], "marker": "s"}),
}
# The noises of a study with more than fit.
SHOWN = ("symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
# The most noises and contrasts on a page, and in a column, where each row is lower.
MOST, CONTRASTS = {True: 4, False: 2}, {True: 3, False: 2}
# Characters of the name of a method in a row that is one line.
SHORT = 8
# The least points to both sides of 0.
NARROWEST = 1.0
# The lines of single seeds of more methods are a tangle.
METHODS_WITH_SEEDS = 5


def seed_curves(
    numbers: pandas.DataFrame,
    measure: str,
    *,
    seeds: bool = True,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A measure against the thousands of images processed: a thin line per seed and a thick one for the mean of each method.

    Args:
        numbers: A row per method, seed and epoch: method, run, epoch, images (cumulative), and `measure`; NaN is left out.
        measure: A column of `numbers`.
        seeds: Whether there are lines of seeds.
        styles: The look of each method (`looks`). None: allotted over those in `numbers`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    held = looks(list(map(str, numbers["method"].unique()))) if styles is None else styles
    for place, (method, rows) in enumerate(numbers.dropna(subset=[measure]).groupby("method", sort=False)):
        look = held[str(method)]
        if seeds:
            seed_lines(rows, "images", measure, look | kwargs, ax)
        mean = rows.groupby("epoch")[["images", measure]].mean()
        thick = look | {"linewidth": 1.6, "markevery": mark_every(len(mean), place)}
        ax.plot(mean["images"], mean[measure], **thick | kwargs)
    number_lines(ax)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images / 1000:g}"))
    return ax


def difference_points(
    rows: pandas.DataFrame,
    contrasts: Mapping[tuple[str, str], str],
    column: str = "difference",
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A row for each contrast, with its difference in points.

    Differences have their 95 % intervals, or with two seeds a small point for each of these.

    Args:
        rows: method, baseline, n, and `column` with its `_ci95_half`; rows of a seed have no n.
        contrasts: All contrasts, each with its name.
        column: One of `DIFFERENCES`.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    look: Look = {"linestyle": "none"} | DIFFERENCES[column][2]
    for place, (method, baseline) in enumerate(contrasts):
        own = rows[(rows["method"] == method) & (rows["baseline"] == baseline) & rows[column].notna()]
        for row in own[own["n"].notna()].to_dict("records"):
            half = row[f"{column}_ci95_half"]
            reach = 100 * half if half > 0 and row["n"] > FEW else None
            style: dict[str, Any] = {"markersize": 4, "capsize": 1.5, "elinewidth": 0.9} | look
            ax.errorbar(100 * row[column], place, xerr=reach, **style | kwargs)
        seeds = own[own["n"].isna()]
        dots: Look = {"markersize": 2, "alpha": 0.6} | look
        ax.plot(100 * seeds[column], [place] * len(seeds), **dots)
    ax.axvline(0, color="0.3", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(contrasts)), list(contrasts.values()))
    ax.set_ylim(len(contrasts) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    return ax


@FIGURES.register("memorisation", caption=f"{CURVES}{BELOW}", smaller=[{"contrasts": count} for count in (2, 1, 0)])
def memorisation_figure(
    runs: StudyRuns, *, noises: tuple[str, ...] = (), contrasts: NonNegativeInt | None = None, width: Width = "page"
) -> DrawnFigure:
    """Test accuracy and the memorised share against the images that the measured network processed, for each noise.

    Thin lines are seeds, of up to five methods, thick ones their mean. At one place of the horizontal axis, all methods have
    seen equally many images.
    Below are the differences of the primary contrasts in both at the last epoch, with their 95 % intervals.

    noises: as the tables name them (none: the chosen one, or up to four of the study's, two in a column). contrasts: the most
    that stand below, from 0 (None: three, two in a column, or as many as fit).
    """
    runs.check_alike()
    wide = has_room(width)
    shown = list(noises) or usual_noises(runs, MOST[wide])
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
    fitting = most_asked(asked, CONTRASTS[wide] if contrasts is None else contrasts)
    tested = runs.tested[runs.tested["noise"].isin(shown)]
    differences = _differences(tested, fitting, usual_pairs(tested, runs.contrasts), runs.methods)
    compared = dict.fromkeys([*differences.get("method", ()), *differences.get("baseline", ())])
    methods = runs.names.short("method", list(compared), 18 if wide else 14)
    pairs = dict.fromkeys(zip(differences["method"], differences["baseline"], strict=True))
    side_by_side = len(shown) == 1 and wide
    parted = " " if side_by_side and max([0, *map(len, methods.values())]) <= SHORT else "\n"
    in_rows = {(method, baseline): f"{methods[method]}{parted}\N{MINUS SIGN} {methods[baseline]}" for method, baseline in pairs}
    with paper_style():
        figure, panels = _panels(len(shown), len(in_rows), width)
        seeds = numbers["method"].nunique() <= METHODS_WITH_SEEDS
        names, styles = runs.names.short("noise", shown, LONGEST), runs.looks_of(numbers["method"])
        titles = dict(zip(shown, narrow([names[noise] for noise in shown], 30 if wide else 17), strict=True))
        for place, (noise, column) in enumerate(zip(shown, panels, strict=True)):
            rows, curves, below = numbers[numbers["noise"] == noise], column[:2], column[2:]
            for ax, (measure, name) in zip(curves, MEASURES.items(), strict=True):
                seed_curves(rows, measure, seeds=seeds, styles=styles, ax=ax)
                # In a column the panels are as low as two lines are wide.
                ax.set_ylabel("" if place else name if wide else name.replace(" ", "\n"))
                ax.yaxis.set_major_locator(MaxNLocator(nbins=4))
            column[0].set_title(titles[noise])
            for ax in curves if side_by_side else curves[-1:]:
                ax.set_xlabel("thousand images")
            for ax, (name, (_, called, _)) in zip(below, DIFFERENCES.items(), strict=bool(below)):
                difference_points(differences[differences["noise"] == noise], in_rows, name, ax=ax)
                ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
                if side_by_side:
                    ax.set_xlabel(f"{called} difference (points)")
                    continue
                ax.set(
                    xlabel="difference (points)" if wide or len(shown) == 1 else "points", ylabel=called if place == 0 else ""
                )
        panels[0][1].set_ylim(bottom=0)
        for ax in panels[0][2:]:
            # Differences of nothing would have an axis of 1e-17.
            left, right = ax.get_xlim()
            ax.set_xlim(min(left, -NARROWEST), max(right, NARROWEST))
        exposure_legend(figure, [ax for column in panels for ax in column], runs_drawn, styles)
        chosen = "" if noises or runs.chosen else runs.part_of_noises(shown)
        one = runs_drawn.groupby(["noise", "method"]).size().max() == 1
        said = f"thin: {seeds_of(runs_drawn)}, thick: their mean" if seeds else f"means over {seeds_of(runs_drawn)}"
        lines = seeds_of(runs_drawn) if one else said
        last_epoch = _said_of(differences, len(asked), runs_drawn)
        part = runs.part(numbers["method"], under)
        figure.suptitle(
            f"{runs.title}{part}{chosen}\n{runs.results['record'].iloc[0]} records; {lines}{last_epoch}",
            wrap=True,
        )
    means = numbers.groupby(["noise", "method", "epoch"], sort=False, as_index=False)[["images", *MEASURES]].mean()
    several = numbers.groupby(["noise", "method"])["run"].nunique().max() > 1
    drawn = with_runs(means, numbers if seeds else None) if several else numbers
    table = pandas.concat([drawn, differences], ignore_index=True) if len(differences) else drawn
    finding = told("Test accuracy and memorised share of mislabelled samples", numbers, list(MEASURES), runs)
    omitted = contrasts_not_shown(list(pairs), asked, runs, f"memorisation(contrasts={len(asked)}) has all")
    caption = CURVES + (BELOW if pairs else "")
    return DrawnFigure(figure, table, f"{caption}. {omitted}" if omitted else caption, finding=finding)


def _differences(
    rows: pandas.DataFrame, contrasts: list[tuple[str, str]], family: list[tuple[str, str]], methods: Sequence[str]
) -> pandas.DataFrame:
    """The differences of the contrasts under each noise at the last epoch, and those in single seeds if there are two.

    family, methods: the pairs over which p is corrected, besides those of chosen methods.
    """
    family = [*contrasts, *(pair for pair in family if pair not in contrasts)]
    columns = ["noise", "method", "baseline", "n"]
    if not contrasts:
        return pandas.DataFrame(columns=columns)
    found = pandas.DataFrame()
    for column, (measure, *_) in DIFFERENCES.items():
        held = of_pairs(compare(rows, measure, contrasts=family, methods=methods), contrasts)
        named = {name: name.replace("difference", column) for name in ("difference", "difference_ci95_half")}
        table = held.rename(columns=named | {"p_holm": f"{column}_p_holm"})
        kept = [*columns[:3], *(["n"] if column == "difference" else []), *named.values(), f"{column}_p_holm"]
        found = table[kept] if found.empty else found.merge(table[kept], on=columns[:3], how="left")
    if found["n"].max() != FEW:
        return found
    of_seeds = [
        seed_differences(rows, contrasts, measure).rename(columns={"difference": column})
        for column, (measure, *_) in DIFFERENCES.items()
    ]
    keys = [name for name in of_seeds[0] if name not in DIFFERENCES]
    seeds = of_seeds[0].merge(of_seeds[1], on=keys, how="outer")
    return pandas.concat([found, seeds[seeds["noise"].isin(found["noise"])]], ignore_index=True)


def _said_of(differences: pandas.DataFrame, asked: int, runs: pandas.DataFrame) -> str:
    """What the lower row of panels shows; asked: the number of contrasts that the runs have; runs: a row for each."""
    if differences.empty:
        return ""
    most, pairs = int(differences["n"].max()), len(differences[["method", "baseline"]].drop_duplicates())
    left = f"; {pairs} of {asked} contrasts" if pairs < asked else ""
    if most == 1:
        return f"\nbelow: differences of {seeds_of(runs)} at the last epoch{left}"
    seeds = counted_seeds(differences["n"], runs)
    if most == FEW:
        return f"\nbelow: paired differences at the last epoch, large: mean over, small: {seeds}{left}"
    return f"\nbelow: mean and 95 % interval of paired differences over {seeds} at the last epoch{left}"


def usual_noises(runs: StudyRuns, most: int) -> list[str]:
    """The chosen noise, or the noisy settings of the study, the usual ones if there are more than fit."""
    if runs.chosen:
        runs.check_mislabelled()
        return [runs.noise]
    rates = runs.ordered.groupby("noise", sort=False)["realised_rate"].max()
    noisy = [str(noise) for noise in rates.index[rates > 0]]
    if not noisy:
        runs.check_mislabelled()
    most = runs.room(most)
    if len(noisy) <= most:
        return noisy
    usual = [noise for noise in SHOWN if noise in noisy]
    # One alone would leave out too much.
    shown = usual if len(usual) > 1 else [*usual, *(noise for noise in noisy if noise not in usual)]
    return shown[:most]


def _panels(count: int, contrasts: int, width: Width) -> tuple[Figure, list[list[Axes]]]:
    """A figure, and its panels by noise: accuracy, memorised share, and if there are contrasts the differences in both.

    They are below one another, or for one noise on a page two side by side.
    """
    curve, row = (1.55, 0.28) if has_room(width) else (1.15, 0.31)
    if count == 1 and has_room(width):
        lines = 2 if contrasts else 1
        size = inches(width), curve + (0.35 + row * contrasts if contrasts else 0) + 1.4
        figure, _, column = panel_grid(2 * lines, 2, width=size[0], row=size[1] / lines, rest=0)
        column[0].sharex(column[1])
        return figure, [column]
    heights = [curve, curve, *([0.45 + row * contrasts] * len(DIFFERENCES) if contrasts else [])]
    size = inches(width), sum(heights) + (1.6 if has_room(width) else 2.2)
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(heights), count, height_ratios=heights)
    panels: list[list[Axes]] = []
    for place in range(count):
        column = []
        for line in range(len(heights)):
            # What stands in a row is compared across noises, and curves are over the same images.
            first = panels[0][line] if place else None
            column.append(figure.add_subplot(grid[line, place], sharex=column[0] if line == 1 else first, sharey=first))
            column[-1].tick_params(labelbottom=line > 0, labelleft=place == 0)
        panels.append(column)
    return figure, panels
