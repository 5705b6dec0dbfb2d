"""Test accuracy and memorisation against the age of a method's soft targets."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from noisylab.analysis.tables import summarise
from noisylab.core.registries import FIGURES, METHODS
from noisylab.plotting.captions import drawn_singly, spread
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import band, seed_dots, with_runs
from noisylab.plotting.findings import number, percent, told
from noisylab.plotting.looks import Look, looks, number_lines, numbered
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, panel_grid, paper_style, shared_legend

MEMORY = "soft_target_memory"
MEASURES = {"test_accuracy_last": "test accuracy", "memorised": "memorised share"}
# The references of the memory have no age, and are lines across the panel.
REFERENCES = ("ce", "repeat")
# Noises that fit on a page, beside each other, and in a column, below each other.
NOISES = {True: 3, False: 2}
# Inches of a panel of so many noises in a column, and of one on a page.
LOW, HIGH = {1: 2.2, 2: 1.6}, 2.2
SHOWN = "Test accuracy and the memorised share against the age of the soft targets"


def target_age(method: str, updates_per_epoch: float) -> float:
    """The mean age of a method's soft targets in updates when they are used; NaN for a method without a memory of targets.

    An average with momentum m is older by m / (1 - m) of its steps. A target that is held for k epochs is (k + 1) / 2 epochs
    old on average.
    """
    spec = METHODS.parse(method)
    options: Mapping[str, Any] = spec.options

    def averaged(age: float, momentum: float, step: float) -> float:
        return age + step * momentum / (1 - momentum)

    if spec.name == MEMORY:
        age = options["age"] if options["unit"] == "iterations" else options["age"] * updates_per_epoch
        if options["held"]:
            age = (options["age"] + 1) / 2 * updates_per_epoch
        return averaged(age, options["momentum"], updates_per_epoch)
    ages: dict[str, Callable[[], float]] = {
        "dlb": lambda: 1.0,
        "ps_kd": lambda: updates_per_epoch,
        "lwr": lambda: (options["k"] + 1) / 2 * updates_per_epoch,
        "temporal_ensembling": lambda: averaged(updates_per_epoch, options["momentum"], updates_per_epoch),
        "elr": lambda: averaged(0.0, options["momentum"], updates_per_epoch),
        "mean_teacher": lambda: averaged(0.0, options["decay"], 1.0),
    }
    return ages[spec.name]() if spec.name in ages else float("nan")


def lines_of_age(
    summary: pandas.DataFrame,
    measure: str,
    *,
    seeds: pandas.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A line for each momentum of the memory, a point for each other method with an age, and a level for those without.

    Args:
        summary: Rows of `noisylab.analysis.tables.summarise` of one noise, with the columns age (updates) and momentum (NaN for
            methods that are not the memory).
        measure: A column of `summary`, a share.
        seeds: A row per run: method and `measure`, drawn as dots instead of intervals. None: bands and bars.
        names: The name of each method for the legend, and of the first one of each line of the memory. None: the usual ones.
        styles: The look of each method (`looks`). None: allotted over those in `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    held, called = looks(list(summary["method"])) if styles is None else styles, names or {}
    memory = summary["momentum"].notna()
    for momentum, rows in summary[memory].groupby("momentum"):
        rows = rows.sort_values("age")
        # The look of a line is that of its first setting.
        first = str(rows["method"].iloc[0])
        look = held[first] | {"label": called.get(first, f"memory, momentum {momentum:g}")}
        ax.plot(rows["age"], rows[measure], **look | kwargs)
        _spread(rows, measure, look, seeds, ax)
    for method, rows in summary[~memory].groupby("method", sort=False):
        look = held[str(method)] | {"label": called.get(str(method), held[str(method)]["label"])}
        if rows["age"].isna().any():
            level = {key: look[key] for key in ("color", "linestyle", "label")}
            ax.axhline(rows[measure].iloc[0], linewidth=1, **level)
            continue
        ax.plot(rows["age"], rows[measure], **look | {"linestyle": "none", "markersize": 5, "zorder": 3} | kwargs)
        _spread(rows, measure, look, seeds, ax)
    number_lines(ax)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    return ax


def _spread(rows: pandas.DataFrame, measure: str, look: Look, seeds: pandas.DataFrame | None, ax: Axes) -> None:
    """A dot per seed, or the 95 % interval: a band along a line, a bar at a point."""
    if seeds is not None:
        dots = seeds[seeds["method"].isin(rows["method"])]
        seed_dots(dots["method"].map(rows.set_index("method")["age"]), dots[measure], look, ax)
        return
    low, high = band(rows, measure, share=True)
    if len(rows) > 1:
        ax.fill_between(rows["age"], low, high, color=look["color"], alpha=0.12, linewidth=0)
    else:
        ax.vlines(rows["age"], low, high, color=look["color"], linewidth=0.8)


@FIGURES.register("accuracy_against_age", caption=SHOWN)
def accuracy_against_age_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """Accuracy above, memorised share below, for each noise: up to three side by side, or two below each other in a column.

    The x axis is the mean age of a target in updates. Lines join settings of `soft_target_memory` of one momentum; points are
    other methods with a memory of targets, and levels CE and `repeat`, which have none.
    """
    runs.check_alike()
    runs.check_mislabelled()
    rows = runs.ordered
    rows = rows[(rows["noise"] == runs.noise) if runs.chosen else (rows["realised_rate"] > 0)]
    wide = has_room(width)
    noises = list(dict.fromkeys(rows["noise"]))[: runs.room(NOISES[wide])]
    under = rows = rows[rows["noise"].isin(noises)]
    if rows["memorised"].isna().all():
        raise runs.nothing_recorded()
    specs = {method: METHODS.parse(method) for method in rows["method"].unique()}
    spans = (rows["updates"] / rows["epochs_trained"]).groupby(rows["method"]).mean()
    summary = summarise(rows)
    momenta = {method: float(spec.options["momentum"]) for method, spec in specs.items() if spec.name == MEMORY}
    summary = summary.assign(
        age=[target_age(method, spans[method]) for method in summary["method"]],
        momentum=summary["method"].map(momenta).astype(float),
    )
    if summary["age"].isna().all():
        raise ValueError("no run is of a method with a memory of targets, such as dlb; run noisylab sweep teacher_age")
    rows = rows.merge(summary[["noise", "method", "age", "momentum"]], on=["noise", "method"])
    drawn = summary[summary["age"].notna() | summary["method"].isin(REFERENCES)]
    rows = rows[rows["method"].isin(drawn["method"])]
    names = runs.names.short("method", [method for method in specs if method not in momenta], 24)
    # A line of the memory has one look, and in the legend one name.
    lines = drawn[drawn["momentum"].notna()].sort_values("age").drop_duplicates("momentum").sort_values("momentum")
    names |= {str(row["method"]): f"memory, momentum {row['momentum']:g}" for row in lines.to_dict("records")}
    looks_held = {name: runs.looks[name] for name in dict.fromkeys(drawn["method"])}
    styles = numbered({name: look | {"label": names[name]} for name, look in looks_held.items() if name in names})
    names, singly = {name: str(look["label"]) for name, look in styles.items()}, drawn_singly(rows)
    with paper_style():
        # The two measures of one noise stand side by side.
        alone = wide and len(noises) == 1
        across = 2 if alone else len(noises) if wide else 1
        row = HIGH if wide else LOW[len(noises)]
        options: dict[str, Any] = {"row": row, "rest": 0.9, "sharey": False if alone else "row"}
        figure, grid, axes = panel_grid(2 * len(noises), across, width=inches(width), **options)
        places = list(itertools.product(MEASURES, noises))
        if across == 1:
            places = [(measure, noise) for noise in noises for measure in MEASURES]
        for ax, (measure, noise) in zip(axes, places, strict=True):
            seeds = rows[rows["noise"] == noise] if singly else None
            lines_of_age(drawn[drawn["noise"] == noise], measure, seeds=seeds, names=names, styles=styles, ax=ax)
            title = runs.names.short("noise", [noise], LONGEST)[noise]
            ax.set(
                title=title, ylabel=MEASURES[measure] if alone or ax in grid[:, 0] else "", xlabel="age of targets (updates)"
            )
        # In a column an axis is the one of the panel below it, too, and noises are compared on one scale.
        for ax in () if wide else axes[:-1]:
            ax.set_xlabel("")
        for ax, above in () if wide else zip(axes[2:], axes, strict=False):
            ax.sharey(above)
        shared_legend(figure, *legend_entries(axes))
        said = spread(rows, single="small", mean="large", interval="band or bar")
        part = runs.part(rows["method"], under, styles) + ("" if runs.chosen else runs.part_of_noises(noises))
        figure.suptitle(f"{runs.title}{part}\nlast epoch; {said}", wrap=True)
    what = "Test accuracy at the last epoch, memorised share and age of the targets in updates"
    finding = told(what, drawn, [*MEASURES, "age"], runs, form=(percent, percent, number))
    numbers = with_runs(drawn, rows.rename(columns={"id": "run"}) if singly else None)
    ageless = ". Of methods without a memory of targets, only CE and repeat are drawn" if len(drawn) < len(summary) else ""
    return DrawnFigure(figure, numbers, SHOWN + ageless, finding=finding)
