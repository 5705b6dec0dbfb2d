"""Paired differences between methods, pooled over the noisy settings and under each noise."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from noisylab.analysis.comparisons import SEED, compare, of_pairs, primary_contrasts, usual_contrasts, usual_pairs
from noisylab.analysis.tables import differing_settings, in_words, is_share, under_each
from noisylab.analysis.variance import counted_seeds
from noisylab.core.foreign_text import one_line, short_names
from noisylab.core.lines import counted
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import contrasts_not_shown, which_seed
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import of_contrasts
from noisylab.plotting.looks import Look, looks_of
from noisylab.plotting.study_runs import LONGEST, StudyRuns, most_asked
from noisylab.plotting.style import Width, has_room, inches, make_room, narrow, panel_grid, paper_style, shared_legend

POOLED = "noisy settings, pooled"
SHOWN = "Paired differences between methods, pooled over the noisy settings and under each noise"
# Number of contrasts that fit in a figure.
MOST = 8
# An interval of two seeds is six times as wide as one of five, and would cover everything: so few are drawn themselves.
FEW = 2
# Inches: of a panel's title and axis, of the figure's title and legend, and of the highest figure, below which is a caption.
HEAD, REST, HIGHEST = 0.5, 0.8, 6.9


def forest(
    differences: pandas.DataFrame,
    groups: Sequence[str],
    *,
    level: float = 0.05,
    share: bool = True,
    noises: Mapping[str, str] | None = None,
    seeds: pandas.DataFrame | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A row for each noise, with a point and its interval for each group; filled if p after Holm is below `level`.

    Differences of two seeds (column `n`) have no interval.

    Args:
        differences: Rows of one contrast: noise, group, difference, difference_ci95_half and p_holm.
        groups: All groups, in their order; each has a colour and a marker.
        level: Of significance, in (0, 1).
        share: Whether the measure is a share of samples, whose differences are shown in points.
        noises: All rows, also those without a difference, each with its name. None: the noises of `differences`.
        seeds: Rows of `seed_differences`, with group, drawn as small points. None: none.
        ax: None: the current axes.
        kwargs: To `Axes.errorbar`.
    """
    ax = ax or plt.gca()
    rows, unit = list(noises or dict.fromkeys(differences["noise"])), 100 if share else 1
    names = list(noises.values()) if noises else short_names(rows, LONGEST)
    apart = 0.6 / max(1, len(groups))
    for row in differences.to_dict("records"):
        place = groups.index(row["group"])
        height = rows.index(row["noise"]) + (place - (len(groups) - 1) / 2) * apart
        half = unit * row["difference_ci95_half"] if row["difference_ci95_half"] > 0 and row.get("n", 3) > FEW else None
        own = group_style(groups)[place]
        if seeds is not None:
            dots = seeds.loc[(seeds["noise"] == row["noise"]) & (seeds["group"] == row["group"]), "difference"]
            ax.plot(unit * dots, [height] * len(dots), **own | {"markersize": 2.5, "alpha": 0.6} | kwargs)
        look = own | ({} if row["p_holm"] < level else {"markerfacecolor": "white"})
        style = {"capsize": 1.5, "elinewidth": 0.9, "markersize": 4.5} | look
        ax.errorbar(unit * row["difference"], height, xerr=half, **style | kwargs)
    ax.axvline(0, color="0.3", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if one_line(label.get_text()) == POOLED else "normal")
    if rows and rows[0] == POOLED and len(rows) > 1:
        ax.axhline(0.5, color="0.6", linewidth=0.6, zorder=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("difference (points)" if share else "difference")
    return ax


def group_style(groups: Sequence[str]) -> list[Look]:
    """Keyword arguments for the points of each group."""
    held = looks_of(groups)
    # A group alone is no method, and black is CE's.
    alone = {"color": "0.25"} if len(groups) == 1 else {}
    return [
        {name: value for name, value in (held[group] | alone).items() if name != "label"} | {"linestyle": "none"}
        for group in groups
    ]


def seed_differences(
    results: pandas.DataFrame,
    contrasts: Sequence[tuple[str, str]],
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
) -> pandas.DataFrame:
    """The difference of every contrast in every seed, under each noise and pooled over the noisy settings (noise `POOLED`).

    Arguments are those of `noisylab.analysis.comparisons.compare`. A seed that lacks a noisy setting is not pooled.

    Returns:
        A row per value of `by`, noise, contrast and seed: method, baseline, seed, noise_seed, difference.
    """
    rows = []
    for key, group in under_each(results, by, "noise"):
        values = group.pivot_table(index=SEED, columns="method", values=measure)
        for method, baseline in contrasts:
            if {method, baseline} <= set(values.columns):
                found = (values[method] - values[baseline]).dropna().rename("difference").reset_index()
                rows.append(found.assign(**key, method=method, baseline=baseline))
    if not rows:
        return pandas.DataFrame(columns=[*by, "noise", "method", "baseline", *SEED, "difference"])
    single = pandas.concat(rows, ignore_index=True)
    rates = results.groupby("noise")["realised_rate"].max()
    noisy = single[single["noise"].isin(rates.index[rates > 0])]
    contrast = [*by, "method", "baseline"]
    pooled = noisy.groupby([*contrast, *SEED], sort=False, as_index=False, dropna=False).agg(
        difference=("difference", "mean"), settings=("noise", "nunique")
    )
    wanted = noisy.groupby(contrast, sort=False, dropna=False)["noise"].nunique().rename("wanted").reset_index()
    whole = pooled.merge(wanted, on=contrast)
    whole = whole[whole["settings"] == whole["wanted"]].drop(columns=["settings", "wanted"])
    return pandas.concat([whole.assign(noise=POOLED), single], ignore_index=True)[[*contrast, "noise", *SEED, "difference"]]


@FIGURES.register("differences", caption=SHOWN)
def differences_figure(
    runs: StudyRuns, *, by: tuple[str, ...] = (), measure: str = "test_accuracy_last", width: Width = "page"
) -> DrawnFigure:
    """A panel for each primary contrast: the difference pooled over the noisy settings, then under each noise.

    Points are means over seeds with their 95 % interval, or the seeds themselves if there are two, filled if p < .05 after
    Holm's correction: over the pooled ones, and over those of single noises. A chosen noise (--noise) stands alone.

    by: settings whose values are kept apart, each with its colour (none: those in which the runs differ). measure: a column of
    `results.csv`.
    """
    results, whole = runs.with_data_names(runs.ordered), runs.with_data_names(runs.tested)
    axes = list(by) or list(differing_settings(results))
    methods = list(dict.fromkeys(results["method"]))
    if len(methods) < 2:
        raise ValueError(f"differences need two methods, and the runs are all of {methods[0]}")
    asked = usual_contrasts(results, runs.contrasts)
    fitting = most_asked(asked, runs.room(_fitting(results, asked, axes, 1 if runs.chosen else results["noise"].nunique())))
    pairs = [pair for pair in asked if pair in fitting]
    # Corrected over all of the tables' differences, also those that are not chosen or have no room.
    chosen: dict[str, Any] = {"by": axes, "methods": runs.methods}
    pooled = of_pairs(primary_contrasts(whole, runs.contrasts, measure, **chosen).assign(noise=POOLED), pairs)
    family = usual_pairs(whole, runs.contrasts)
    single = of_pairs(compare(whole, measure, contrasts=family, **chosen), pairs)
    if runs.chosen:
        pooled, single = pooled.iloc[:0], single[single["noise"] == runs.noise]
    if pooled.empty and single.empty:
        under = f" under {runs.noise}" if runs.chosen else ""
        raise ValueError(f"no two methods share a seed{under}, so there are no differences")
    # The columns of an empty table hold no numbers.
    numbers = pandas.concat([table for table in (pooled, single) if len(table)], ignore_index=True)
    numbers["group"] = _groups(numbers, axes)
    few = numbers["n"].max() <= FEW
    seeds = seed_differences(results, pairs, measure, axes) if few and numbers["n"].max() > 1 else None
    if seeds is not None:
        seeds = seeds.assign(group=_groups(seeds, axes))
        seeds = seeds[seeds["noise"].isin(numbers["noise"])]
    groups = list(dict.fromkeys(numbers["group"]))
    in_rows = [name for name in (POOLED, *dict.fromkeys(results["noise"])) if name in set(numbers["noise"])]
    wide = has_room(width)
    noises = {POOLED: POOLED, **runs.names.short("noise", [name for name in in_rows if name != POOLED], 40 if wide else 28)}
    noises = dict(zip(in_rows, narrow([noises[name] for name in in_rows], 24 if wide else 17), strict=True))
    names = runs.names.short("method", methods, 36 if wide else 14)
    with paper_style():
        across = min(len(pairs), 2)
        lines = -(-len(pairs) // across)
        # Rows are as close as a page needs.
        written = 0.06 + 0.125 * max(name.count("\n") + 1 for name in noises.values())
        each = max(0.2 + 0.1 * len(groups), written, (0.75 if wide else 1.1) / len(noises))
        each = min(each, ((HIGHEST - REST) / lines - HEAD) / len(noises))
        row = HEAD + len(noises) * each
        figure, _, panels = panel_grid(
            len(pairs), across, width=inches(width), row=row, rest=REST, sharex=True, sharey=across > 1
        )
        for ax, (method, baseline) in zip(panels, pairs, strict=True):
            rows = numbers[(numbers["method"] == method) & (numbers["baseline"] == baseline)]
            dots = seeds
            if seeds is not None:
                dots = seeds[(seeds["method"] == method) & (seeds["baseline"] == baseline)]
            forest(rows, groups, share=is_share(measure), noises=noises, seeds=dots, ax=ax)
            title = f"{names[method]} \N{MINUS SIGN} {names[baseline]}"
            ax.set_title(
                title if len(title) <= (36 if wide else 15) else title.replace(" \N{MINUS SIGN} ", "\n\N{MINUS SIGN} ")
            )
            ax.xaxis.set_major_locator(MaxNLocator(nbins=6 if wide else 3))
            if wide:
                ax.set_xlabel(textwrap.fill(f"difference in {in_words(measure)}", 48 if inches(width) > 6 else 30))
            else:
                ax.set_xlabel("points" if is_share(measure) else "difference")
        for panel in panels[:-across]:
            panel.set_xlabel("")
        # With a panel missing in the last row, the one above it ends its column.
        for panel in panels[-across:]:
            panel.tick_params(labelbottom=True)
        handles = [Line2D([], [], **style) for style in group_style(groups)] if axes else []
        white: Look = {"color": "0.3", "marker": "o", "linestyle": "none"}
        marks = [Line2D([], [], **white), Line2D([], [], **white | {"markerfacecolor": "white"})]
        over, tests = _tests(pooled, single, intervals=not few)
        # One seed has no p.
        tested = [f"p < .05 ({over})", "p ≥ .05"] if numbers["n"].max() > 1 else []
        if entries := [*(groups if axes else []), *tested]:
            shared_legend(figure, [*handles, *marks][: len(entries)], entries)
        part = f", {len(pairs)} of {len(asked)} contrasts" if len(pairs) < len(asked) else ""
        said = "mean and uncorrected 95 % interval of paired differences over"
        if numbers["n"].max() == 1:
            said = "paired differences of"
        if few and numbers["n"].max() > 1:
            said = "paired differences; large: mean over, small:"
        seeds_said = which_seed(results) if numbers["n"].max() == 1 else counted_seeds(numbers["n"], results)
        figure.suptitle(f"{runs.title}{part}\n{in_words(measure)}; {said} {seeds_said}", wrap=True)
        make_room(figure, panels, len(noises) * each, HIGHEST)
    shown = numbers if seeds is None else pandas.concat([numbers, seeds], ignore_index=True)
    left = contrasts_not_shown(pairs, asked, runs, "noisylab compare has all")
    what = f"Paired differences between methods under {runs.names.noise(runs.noise)}" if runs.chosen else SHOWN
    caption = ". ".join(filter(None, [what, tests if numbers["n"].max() > 1 else "", left]))
    return DrawnFigure(figure, shown.drop(columns="group"), caption, finding=of_contrasts(numbers, POOLED, measure, runs))


def _tests(pooled: pandas.DataFrame, single: pandas.DataFrame, *, intervals: bool) -> tuple[str, str]:
    """Over how many tests p is corrected, in the legend and in sentences; intervals: whether they are drawn."""
    few, each = (int(table["tests"].max()) if len(table) else 0 for table in (pooled, single))
    short = [f"{few} pooled"] * bool(few) + [f"{each} per noise"] * bool(each)
    parts = [f"the {counted(few, 'pooled contrast')}"] * bool(few)
    parts += [f"the {counted(each, 'difference')} of each noise"] * bool(each)
    over = " and over ".join(parts)
    said = f"Points are filled if p < .05, and else hollow, by paired t-tests after Holm's correction over {over}"
    beside = ". Intervals are not corrected, so that one beside a hollow point may exclude 0" if intervals else ""
    return f"Holm: {', '.join(short)}", said + beside


def _groups(rows: pandas.DataFrame, axes: Sequence[str]) -> list[str]:
    """The values of the settings that are kept apart, a text per row."""
    return [", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in axes) for row in rows.to_dict("records")]


def _fitting(results: pandas.DataFrame, contrasts: Sequence[tuple[str, str]], axes: Sequence[str], noises: int) -> int:
    """The number of contrasts for which a figure of so many noises has room, two side by side."""
    groups = len(results[list(axes)].drop_duplicates()) if axes else 1
    row = HEAD + (noises + 1) * (0.12 + 0.06 * groups)
    return max(2, min(MOST, len(contrasts), 2 * int((HIGHEST - REST) // row)))
