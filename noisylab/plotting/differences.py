"""Paired differences between methods, pooled over the noisy settings and under each noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from noisylab.analysis.comparisons import compare, primary_contrasts, usual_contrasts
from noisylab.analysis.tables import differing_settings, is_share
from noisylab.core.foreign_text import short_names
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.looks import Look, looks_of
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import Width, has_room, inches, panel_grid, paper_style, shared_legend

POOLED = "noisy settings, pooled"
# Number of contrasts that fit in a figure.
MOST = 4


def forest(
    differences: pandas.DataFrame,
    groups: Sequence[str],
    *,
    level: float = 0.05,
    share: bool = True,
    noises: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A row for each noise, with a point and its interval for each group; filled if p after Holm is below `level`.

    Args:
        differences: Rows of one contrast: noise, group, difference, difference_ci95_half and p_holm.
        groups: All groups, in their order; each has a colour and a marker.
        level: Of significance, in (0, 1).
        share: Whether the measure is a share of samples, whose differences are shown in points.
        noises: All rows, also those without a difference, each with its name. None: the noises of `differences`.
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
        half = unit * row["difference_ci95_half"] if row["difference_ci95_half"] > 0 else None
        look = group_style(groups)[place] | ({} if row["p_holm"] < level else {"markerfacecolor": "white"})
        style = {"capsize": 1.5, "elinewidth": 0.9, "markersize": 4.5} | look
        ax.errorbar(unit * row["difference"], height, xerr=half, **style | kwargs)
    ax.axvline(0, color="0.3", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == POOLED else "normal")
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


@FIGURES.register(
    "differences", caption="Paired differences between methods, pooled over the noisy settings and under each noise"
)
def differences_figure(
    runs: StudyRuns, *, by: tuple[str, ...] = (), measure: str = "test_accuracy_last", width: Width = "page"
) -> DrawnFigure:
    """A panel for each primary contrast: the difference pooled over the noisy settings, then under each noise.

    Points are means over seeds with their 95 % interval, filled if p < .05 after Holm's correction: over the pooled ones, and
    over those of single noises.

    by: settings whose values are kept apart, each with its colour (none: those in which the runs differ). measure: a column of
    `results.csv`.
    """
    results = runs.ordered
    axes = list(by) or list(differing_settings(results))
    methods = list(dict.fromkeys(results["method"]))
    if len(methods) < 2:
        raise ValueError(f"differences need two methods, and the runs are all of {methods[0]}")
    asked = usual_contrasts(results)
    pairs = asked[:MOST]
    pooled = primary_contrasts(results, pairs, measure, axes).assign(noise=POOLED)
    single = compare(results, measure, by=axes, contrasts=pairs)
    numbers = pandas.concat([pooled, single], ignore_index=True)
    if numbers.empty:
        raise ValueError("no two methods share a seed, so there are no differences")
    numbers["group"] = [
        ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in axes) for row in numbers.to_dict("records")
    ]
    groups = list(dict.fromkeys(numbers["group"]))
    in_rows = [name for name in (POOLED, *dict.fromkeys(results["noise"])) if name in set(numbers["noise"])]
    noises = {POOLED: POOLED, **runs.names.short("noise", [name for name in in_rows if name != POOLED], LONGEST)}
    noises = {name: noises[name] for name in in_rows}
    names = runs.names.short("method", methods, 24 if has_room(width) else 14)
    with paper_style():
        across = min(len(pairs), 2) if has_room(width) else 1
        row = 0.55 + len(noises) * (0.2 + 0.1 * len(groups))
        figure, _, panels = panel_grid(
            len(pairs), across, width=inches(width), row=row, rest=0.75, sharex=True, sharey=across > 1
        )
        for ax, (method, baseline) in zip(panels, pairs, strict=True):
            rows = numbers[(numbers["method"] == method) & (numbers["baseline"] == baseline)]
            forest(rows, groups, share=is_share(measure), noises=noises, ax=ax)
            ax.set_title(f"{names[method]} - {names[baseline]}")
        for panel in panels[:-across]:
            panel.set_xlabel("")
        handles = [Line2D([], [], **style) for style in group_style(groups)] if axes else []
        white: Look = {"color": "0.3", "marker": "o", "linestyle": "none"}
        marks = [Line2D([], [], **white), Line2D([], [], **white | {"markerfacecolor": "white"})]
        shared_legend(figure, [*handles, *marks], [*(groups if axes else []), "p < .05 (Holm)", "p ≥ .05"])
        seeds = " to ".join(dict.fromkeys(map(str, (numbers["n"].min(), numbers["n"].max()))))
        part = f", {len(pairs)} of {len(asked)} contrasts" if len(pairs) < len(asked) else ""
        said = "mean and 95 % interval of paired differences over" if numbers["n"].max() > 1 else "paired differences of"
        of = "" if measure == "test_accuracy_last" else f"{measure.replace('_', ' ')}: "
        figure.suptitle(f"{runs.title}{part}\n{of}{said} {seeds} {'seed' if numbers['n'].max() == 1 else 'seeds'}", wrap=True)
    return DrawnFigure(figure, numbers.drop(columns="group"))
