"""Test accuracy against the consistency of predictions, over an option of a method."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes

from noisylab.core.registries import FIGURES, METHODS
from noisylab.core.specs import Spec
from noisylab.plotting.captions import seeds_of
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import with_runs
from noisylab.plotting.findings import told
from noisylab.plotting.looks import Look, looks, number_lines, numbered
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import WIDTHS, Width, has_room, inches, legend_entries, panel_grid, paper_style, shared_legend

# The most methods of which points are told apart, unless the reader chose.
MOST = 13
CONSISTENCY = {"consistency_clean": "clean samples", "consistency_mislabelled": "mislabelled samples"}


def dose_path(
    points: pandas.DataFrame,
    consistency: str,
    *,
    joined: str = "means in the order of the dose",
    names: Mapping[str, str] | None = None,
    styles: Mapping[str, Look] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A point for each run, and the mean of each dose, joined in ascending order of the dose; others stand alone.

    Only doses of methods that differ in nothing else are joined. Doses look as the variants of their method do in all figures.

    Args:
        points: A row per run: method, dose (NaN for other methods), test_accuracy_last, `consistency`, and optionally series,
            a text that methods share that differ in the dose alone.
        consistency: A column of `points`, in [0, 1].
        joined: What the line through the doses is called in the legend.
        names: The name of each method for the legend. None: the usual ones.
        styles: The look of each method (`looks`). None: allotted over those in `points`.
        ax: None: the current axes.
        kwargs: To `Axes.plot`.
    """
    ax = ax or plt.gca()
    means = points.groupby("method", sort=False)[["dose", consistency, "test_accuracy_last"]].mean()
    held = looks(list(map(str, means.index))) if styles is None else styles
    dosed = means[means["dose"].notna()].sort_values("dose")
    series = points.groupby("method", sort=False)["series"].first() if "series" in points else dosed["dose"] * 0
    # One dose is a method like any other.
    places = [own for _, own in dosed.groupby(series.reindex(dosed.index), sort=False) if len(own) > 1]
    dosed = pandas.concat(places) if places else dosed.iloc[:0]
    for own in places:
        ax.plot(own[consistency], own["test_accuracy_last"], color="0.6", linewidth=1.0, zorder=1, label=joined)
    # In the legend the doses are in their order.
    for method in [*dosed.index, *means.index.difference(dosed.index, sort=False)]:
        runs, look = points[points["method"] == method], held[str(method)]
        small: dict[str, Any] = {name: value for name, value in look.items() if name != "label"} | {"linestyle": "none"}
        if len(runs) > 1:
            pale = {"markersize": 2.5, "alpha": 0.5}
            ax.plot(runs[consistency], runs["test_accuracy_last"], **small | pale | kwargs)
        large = small | {"markersize": 6, "label": look["label"] if names is None else names[method]}
        ax.plot(means[consistency][method], means["test_accuracy_last"][method], **large | kwargs)
    number_lines(ax)
    return ax


@FIGURES.register("accuracy_against_consistency", caption="Test accuracy against the consistency of predictions")
def accuracy_against_consistency_figure(
    runs: StudyRuns, *, method: str = "dlb", option: str = "alpha", width: Width = "page"
) -> DrawnFigure:
    """A panel for clean and one for mislabelled samples: small points are runs, large ones their mean.

    Consistency is the share of samples that are predicted as in the epoch before, averaged over epochs; methods whose epochs
    present a sample twice, such as DLB and repeat, are comparable with each other alone. Lines join the means of a method in
    ascending order of one of its options, among settings that differ in nothing else.

    method: name of the method. option: the option with the dose.
    """
    runs.check_mislabelled()
    rows = runs.under_noise
    if missing := [name for name in CONSISTENCY if name not in rows or rows[name].isna().all()]:
        raise ValueError(f"the runs under {runs.noise} have no {missing[0]}; it needs records of two epochs")
    specs = {label: METHODS.parse(label) for label in rows["method"].unique()}
    known = next((spec.options for spec in specs.values() if spec.name == method), None)
    if known is None:
        raise ValueError(f"no run is of method {method!r}; there are {', '.join(specs)}")
    if option not in known:
        raise ValueError(f"{method} has no option {option!r}; its options are {', '.join(known)}")
    dose = {label: float(spec.options[option]) if spec.name == method else np.nan for label, spec in specs.items()}
    under = rows
    if not runs.methods:
        # All doses, and as many others as fit.
        order = sorted(runs.preferred(rows), key=lambda label: np.isnan(dose[label]))
        rows = rows[rows["method"].isin(order[: max(MOST, int(np.isfinite([*dose.values()]).sum()))])]
        dose = {label: value for label, value in dose.items() if label in set(rows["method"])}
    series = {label: _without(spec, option) for label, spec in specs.items()}
    numbers = rows[["method", "seed", "noise_seed", "test_accuracy_last", *CONSISTENCY]].assign(
        dose=rows["method"].map(dose), series=rows["method"].map(series)
    )
    names = runs.names.short("method", list(dose), 24)
    styles = numbered({label: look | {"label": names[label]} for label, look in runs.looks.items() if label in dose})
    with paper_style():
        across = 2 if has_room(width) else 1
        size = inches(width) if across == 2 else min(inches(width), WIDTHS["column"])
        figure, grid, axes = panel_grid(2, across, width=size, row=2.3, rest=0.8, sharey=True)
        for ax, (consistency, name) in zip(axes, CONSISTENCY.items(), strict=True):
            joined = f"means in the order of {option}"
            dose_path(numbers, consistency, joined=joined, styles=styles, ax=ax)
            ax.set(title=name, xlabel="share predicted\nas in the epoch before")
        for ax in grid[:, 0]:
            ax.set_ylabel("test accuracy")
        shared_legend(figure, *legend_entries(axes))
        one = rows.groupby("method").size().max() == 1
        said = seeds_of(rows) if one else f"small: {seeds_of(rows)}, large: their mean"
        figure.suptitle(f"{runs.setting}{runs.part(dose, under, styles)}\n{said}; last-epoch test accuracy", wrap=True)
    numbers = numbers.drop(columns="series")
    columns = ["dose", "test_accuracy_last", *CONSISTENCY]
    means = numbers.groupby("method", sort=False, as_index=False)[columns].mean()
    what = (
        "Test accuracy at the last epoch, and the shares of clean and of mislabelled samples predicted as in the epoch before"
    )
    said = told(what, means, ["test_accuracy_last", *CONSISTENCY], runs, names=names)
    return DrawnFigure(figure, with_runs(means, numbers.assign(run=rows["id"])), finding=said)


def _without(spec: Spec, option: str) -> str:
    """All that a method is besides one of its options."""
    return str(replace(spec, options={name: value for name, value in spec.options.items() if name != option}))
