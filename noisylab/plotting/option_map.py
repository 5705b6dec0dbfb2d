"""Test accuracy over two options of a method."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas
import seaborn
from matplotlib.axes import Axes

from noisylab.analysis.tables import differing_settings, say_differences, summarise
from noisylab.analysis.variance import counted_seeds
from noisylab.core.registries import FIGURES, METHODS
from noisylab.core.specs import Spec
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import of_settings
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import WIDTHS, Width, has_room, inches, panel_grid, paper_style, share_text

SHOWN = "Test accuracy over two options of a method"
INTERVAL = "mean ± half of the 95 % interval"
# Number of lines about other methods that fit in the title of a panel.
BESIDE = 4


def option_heatmap(cells: pandas.DataFrame, down: str, right: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """A heat map of the mean test accuracy.

    Args:
        cells: Rows with columns `down`, `right` and test_accuracy_last.
        down: The vertical option.
        right: The horizontal option.
        ax: None: the current axes.
        kwargs: To `seaborn.heatmap`.
    """
    ax = ax or plt.gca()
    table = cells.pivot_table(index=down, columns=right, values="test_accuracy_last")
    style: dict[str, Any] = {
        "annot": table.map(share_text),
        "fmt": "",
        "cmap": "cividis",
        "cbar": False,
        "annot_kws": {"fontsize": 6.5},
    }
    seaborn.heatmap(table, ax=ax, **style | kwargs)
    ax.grid(visible=False)
    ax.set_yticklabels([_text(value) for value in table.index], rotation=0)
    ax.set_xticklabels([_text(value) for value in table.columns])
    ax.set(xlabel=right, ylabel=down)
    return ax


@FIGURES.register("option_map", caption=SHOWN)
def option_map_figure(
    runs: StudyRuns,
    *,
    method: str = "dlb",
    down: str | None = None,
    right: str | None = None,
    per: str | None = None,
    width: Width = "page",
) -> DrawnFigure:
    """A map for each value of a setting, on one colour scale, with the accuracy of other methods in its title.

    method: name of the method whose options are mapped. down, right: the options (None: the two that vary). per: the setting
    with a map for each value (None: the one in which the method's runs differ, if any).
    """
    rows = runs.with_data_names(runs.ordered[runs.ordered["noise"] == runs.noise])
    axes = list(differing_settings(rows))
    specs = {label: METHODS.parse(label) for label in rows["method"].unique()}
    down, right = _varied_options([spec for spec in specs.values() if spec.name == method], method, down, right)
    numbers = summarise(rows, axes)
    for name in (down, right):
        numbers[name] = [specs[label].options[name] if specs[label].name == method else None for label in numbers["method"]]
    mapped, others = (numbers[numbers[down].notna() == is_mapped] for is_mapped in (True, False))
    spread = [name for name in axes if mapped[name].nunique(dropna=False) > 1]
    per = spread[0] if per is None and spread else per
    if apart := {name: mapped[name].unique().tolist() for name in spread if name != per}:
        raise ValueError(say_differences(apart))
    if mapped.duplicated([down, right, *([per] if per else [])]).any():
        raise ValueError(f"several runs of {method} have the same {down} and {right}; choose with methods (--methods)")
    values = sorted(mapped[per].unique()) if per else [None]
    highest, lowest = mapped["test_accuracy_last"].max(), mapped["test_accuracy_last"].min()
    labels, with_interval = runs.names.short("method", list(numbers["method"]), 24), False
    with paper_style():
        across = min(len(values), 3) if has_room(width) else 1
        size = inches(width) if across > 1 else min(inches(width), WIDTHS["column"])
        figure, _, panels = panel_grid(len(values), across, width=size, row=2.75, rest=0.4)
        for ax, value in zip(panels, values, strict=True):
            here, beside = (table if per is None else table[table[per] == value] for table in (mapped, others))
            option_heatmap(here, down, right, ax=ax, vmin=lowest, vmax=highest)
            said = [] if per is None else [_setting(per, value)]
            for row in beside.head(BESIDE).to_dict("records"):
                other = [_setting(name, row[name]) for name in axes if name != per and row[name] != here[name].iloc[0]]
                half = row["test_accuracy_last_ci95_half"]
                reach = f" ± {share_text(half)}" if half >= 0 else ""
                with_interval = with_interval or half >= 0
                said.append(f"{', '.join([labels[row['method']], *other])}: {share_text(row['test_accuracy_last'])}{reach}")
            ax.set_title("\n".join(said), fontsize=7.5)
        figure.suptitle(
            f"{runs.setting}, {runs.names.method(method)}\ntest accuracy, last epoch, "
            f"mean over {counted_seeds(numbers['n'], runs.ordered)}{'; ±: 95 % interval' if with_interval else ''}",
            wrap=True,
        )
    finding = of_settings(mapped, [down, right, *([per] if per else [])], runs, methods=False)
    drawn = "other methods" if len(others) <= BESIDE * len(values) else f"{BESIDE} other methods"
    beside = f"; above it, that of {drawn}{f', {INTERVAL}' if with_interval else ''}" if len(others) else ""
    return DrawnFigure(figure, numbers, f"{SHOWN}{beside}", finding=finding)


def _varied_options(specs: Sequence[Spec], method: str, down: str | None, right: str | None) -> tuple[str, str]:
    """The two options to map: the requested ones, or the two that vary."""
    varied = [name for name in (specs[0].options if specs else ()) if len({spec.options[name] for spec in specs}) > 1]
    there = f"of {method}'s options {', '.join(varied) or 'none'} vary"
    if down is None or right is None:
        if len(varied) != 2:
            raise ValueError(f"a map needs two options, and {there}; choose with down and right")
        return varied[0], varied[1]
    if not {down, right} <= set(varied):
        raise ValueError(f"a map needs two options, and {there}; got {down} and {right}")
    return down, right


def _setting(name: str, value: object) -> str:
    return f"{name.replace('_', ' ')} {_text(value)}"


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
