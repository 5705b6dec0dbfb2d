"""Test accuracy and memorisation against the age of a method's soft targets."""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes

from noisylab.analysis.tables import summarise
from noisylab.core.registries import FIGURES, METHODS
from noisylab.plotting.captions import seeds_of
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import band
from noisylab.plotting.looks import Look, looks
from noisylab.plotting.study_runs import LONGEST, StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, panel_grid, paper_style, shared_legend

MEMORY = "soft_target_memory"
MEASURES = {"test_accuracy_last": "test accuracy (%)", "memorised": "memorised (%)"}
# The references of the memory have no age, and are lines across the panel.
REFERENCES = ("ce", "repeat")


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
        names: The name of each method for the legend. None: as it is.
        styles: The look of each method (`looks`). None: allotted over those in `summary`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    held = looks(list(summary["method"])) if styles is None else styles
    for momentum, rows in summary[summary["momentum"].notna()].groupby("momentum"):
        rows = rows.sort_values("age")
        # The look of a line is that of its first setting.
        look = held[str(rows["method"].iloc[0])] | {"label": f"memory, momentum {momentum:g}"}
        ax.plot(rows["age"], 100 * rows[measure], **look | kwargs)
        low, high = band(rows, measure, share=True)
        ax.fill_between(rows["age"], 100 * low, 100 * high, color=look["color"], alpha=0.12, linewidth=0)
    for row in summary[summary["momentum"].isna()].to_dict("records"):
        method = str(row["method"])
        look = held[method] | ({} if names is None else {"label": names[method]})
        if row["age"] != row["age"]:
            ax.axhline(100 * row[measure], color=look["color"], linestyle=look["linestyle"], linewidth=1, label=look["label"])
            continue
        low, high = band(pandas.DataFrame([row]), measure, share=True)
        reach = [[100 * (row[measure] - float(low.iloc[0]))], [100 * (float(high.iloc[0]) - row[measure])]]
        bars = None if row[f"{measure}_ci95_half"] != row[f"{measure}_ci95_half"] else reach
        ax.errorbar(row["age"], 100 * row[measure], yerr=bars, **look | {"linestyle": "none", "markersize": 5, "zorder": 3})
    ax.set_xscale("log")
    return ax


@FIGURES.register("accuracy_against_age", caption="Test accuracy and the memorised share against the age of the soft targets")
def accuracy_against_age_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A column for each noise: accuracy above, the memorised share of mislabelled samples below.

    The x axis is the mean age of a target in updates. Lines join settings of `soft_target_memory` of one momentum; points are
    other methods with a memory of targets, and levels those without one.
    """
    runs.check_alike()
    rows = runs.ordered
    rows = rows[(rows["noise"] == runs.noise) if runs.chosen else (rows["realised_rate"] > 0)]
    if not rows["method"].map(lambda method: METHODS.parse(method).name == MEMORY).any():
        raise ValueError(f"no run is of {MEMORY}; run noisylab sweep teacher_age")
    if rows["memorised"].isna().all():
        raise ValueError("no run has records of mislabelled samples; run with record='eval' (--record eval)")
    spans = (rows["updates"] / rows["epochs_trained"]).groupby(rows["method"]).mean()
    specs = {method: METHODS.parse(method) for method in rows["method"].unique()}
    summary = summarise(rows)
    summary = summary.assign(
        age=summary["method"].map(lambda method: target_age(method, spans[method])),
        momentum=summary["method"].map(
            {method: float(spec.options["momentum"]) for method, spec in specs.items() if spec.name == MEMORY}
        ),
    )
    others = [method for method, spec in specs.items() if spec.name != MEMORY]
    drawn = summary[summary["momentum"].notna() | summary["age"].notna() | summary["method"].isin(REFERENCES)]
    noises = list(dict.fromkeys(drawn["noise"]))
    names = runs.names.short("method", others, 24)
    with paper_style():
        across = len(noises) if has_room(width) else 1
        figure, _, axes = panel_grid(2 * len(noises), across, width=inches(width), row=2.2, rest=0.9)
        places = [(measure, noise) for measure in MEASURES for noise in noises]
        if across == 1:
            places = [(measure, noise) for noise in noises for measure in MEASURES]
        for ax, (measure, noise) in zip(axes, places, strict=True):
            lines_of_age(drawn[drawn["noise"] == noise], measure, names=names, styles=runs.looks_of(specs), ax=ax)
            title = runs.names.short("noise", [noise], LONGEST)[noise]
            ax.set(title=title, ylabel=MEASURES[measure], xlabel="mean age (updates)")
        shared_legend(figure, *legend_entries(axes))
        seeds = seeds_of(rows)
        said = seeds if seeds == "one seed" else f"mean and 95 % interval over {seeds}"
        figure.suptitle(f"{runs.title}\nlast epoch; {said}", wrap=True)
    return DrawnFigure(figure, drawn)
