"""Every figure of studies that are hard to draw keeps what a figure must keep; and the check of that finds each violation."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
import xarray
from drawn_page import Violation
from figure_check import REFUSED, TOO_HIGH_FOR_SLIDES, brief, check, check_drawn
from filelock import FileLock
from matplotlib.collections import LineCollection
from stress_studies import STUDIES

from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.plotting.style import WIDTHS, paper_style
from noisylab.study.verify import read_records


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@lru_cache(maxsize=1)
def study(name: str, shared: Path) -> StudyRuns:
    """The runs of a study, which is written once. Not to be changed."""
    with FileLock(shared / f"{name}.lock"):
        if not (shared / "stress" / name / "results.csv").exists():
            STUDIES[name](shared / "stress" / name)
    return study_runs(shared / "stress" / name)


@pytest.fixture
def _records_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("study_runs", "detection_summary"):
        monkeypatch.setattr(f"noisylab.plotting.{module}.read_records", records_of)


@lru_cache(maxsize=64)
def records_of(folder: Path) -> xarray.Dataset:
    """The records of a run. Not to be changed."""
    return read_records(folder).load()


@pytest.mark.slow
@pytest.mark.usefixtures("_records_are_read_once")
@pytest.mark.parametrize("name", FIGURES.entries())
@pytest.mark.parametrize("of", STUDIES)
def test_a_figure_keeps_what_it_must_in_both_widths(of: str, name: str, shared: Path) -> None:
    runs, refusal = study(of, shared), REFUSED[of].get(name)
    found = {width: check_drawn(name, runs, width) for width in WIDTHS}
    if refusal is None:
        said = [f"{width}, {kind}: {what}" for width in WIDTHS for kind, what in brief(found[width])]
        assert not said, "\n".join(said)
    for each in found.values() if refusal else ():
        assert [kind for kind, _ in each] == ["refused"], f"it is drawn now: take it off the list ({each})"
        assert refusal in each[0].what


@pytest.mark.slow
@pytest.mark.usefixtures("_records_are_read_once")
@pytest.mark.parametrize("name", FIGURES.entries())
def test_a_slide_shows_a_figure_as_far_as_it_can_be_read(name: str, shared: Path) -> None:
    found = check_drawn(name, study("default", shared), "page", "beamer")
    if refusal := (REFUSED["default"] | TOO_HIGH_FOR_SLIDES).get(name):
        assert [kind for kind, _ in found] == ["refused"], found
        assert refusal in found[0].what
    else:
        assert not found, brief(found)


@pytest.mark.slow
def test_a_study_is_written_alike_each_time(tmp_path: Path) -> None:
    one, two = (STUDIES["one_seed"](tmp_path / name) for name in ("one", "two"))
    assert (one / "results.csv").read_bytes() == (two / "results.csv").read_bytes()
    runs = study_runs(one).results
    assert runs["method"].tolist() == ["ce", "repeat", "dlb"]
    assert runs["memorised"].between(0.02, 0.98).all()


# The check finds what it is there for


def good() -> tuple[DrawnFigure, pandas.DataFrame]:
    """A small figure that keeps every rule, and its numbers."""
    numbers = pandas.DataFrame(
        {
            "method": ["ce"] * 3 + ["dlb"] * 3,
            "epoch": [1, 2, 3] * 2,
            "accuracy": [0.2, 0.4, 0.61, 0.35, 0.57, 0.9],
            "accuracy_ci95_half": [0.05, 0.06, 0.07, 0.08, 0.09, 0.15],
        }
    )
    with paper_style():
        figure, ax = plt.subplots(figsize=(3.3, 2.5), layout="constrained")
        for (method, rows), dash, colour in zip(numbers.groupby("method"), ("-", "--"), ("C0", "C1"), strict=True):
            half = rows["accuracy_ci95_half"]
            low, high = (rows["accuracy"] + sign * half for sign in (-1, 1))
            ax.plot(rows["epoch"], rows["accuracy"], color=colour, linestyle=dash, label=str(method).upper())
            ax.fill_between(rows["epoch"], low, high.clip(upper=1), color=colour, alpha=0.2)
        ax.set(xlabel="epoch", ylabel="accuracy", title="digits")
        ax.axhline(0.5)
        ax.plot([0, 3], [0, 1], gid="guide")
        figure.legend(loc="outside lower center", ncols=2)
    return DrawnFigure(figure, numbers, "Accuracy over epochs"), numbers


def outside(drawn: DrawnFigure) -> None:
    drawn.figure.text(0.9, 0.5, "a text that goes on")


def over_another(drawn: DrawnFigure) -> None:
    title = drawn.figure.axes[0].title
    drawn.figure.canvas.draw()
    box = title.get_window_extent().transformed(drawn.figure.transFigure.inverted())
    drawn.figure.text(box.x0, box.y0, "over it")


def slanted_over_another(drawn: DrawnFigure) -> None:
    drawn.figure.text(0.2, 0.4, "a long slanted text", rotation=45, rotation_mode="anchor")
    drawn.figure.text(0.35, 0.6, "across")


def path(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].set_title("npz:/home/jane/x.npz")


def entry_lacks(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].plot([1, 2, 3], [0.2, 0.4, 0.61], color="C4", label="step consistency")


def same_look(drawn: DrawnFigure) -> None:
    for line in drawn.figure.axes[0].lines:
        line.set(color="C0", linestyle="-")
    drawn.figure.legends[0].remove()
    drawn.figure.legend(loc="outside lower center")


def two_looks(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].plot([1, 2, 3], [0.2, 0.4, 0.61], color="C4", label="CE")


def legend_differs(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].lines[0].set_linestyle(":")


def same_colour(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].bar([1, 2, 3], [0.2, 0.4, 0.61], color="C0", alpha=0.1, label="DLB, bars")


def same_name(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].set_xticks([1, 2, 3], ["dlb(alp…", "dlb(alp…", "ce"])


def too_high(drawn: DrawnFigure) -> None:
    drawn.figure.set_figheight(8.1)


def too_wide(drawn: DrawnFigure) -> None:
    drawn.figure.set_figwidth(3.5)


def small_panel(drawn: DrawnFigure) -> None:
    drawn.figure.set_figheight(1.3)


def other_height(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].lines[0].set_ydata([0.2, 0.4, 0.613])


def epochs_from_zero(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].lines[0].set_xdata([0, 1, 2])


def other_row(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].lines[0].set_ydata([0.4, 0.2, 0.61])


def other_points(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].scatter([1, 2], [0.2, 0.41])


def other_bars(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].bar([1, 2, 3], [0.2, 0.41, 0.61], color="C5")


def other_cells(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].imshow([[0.2, 0.3]], aspect="auto", extent=(1, 3, 0.2, 0.6))


def other_interval(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].errorbar([1], [0.2], yerr=[0.07], color="C0")


def other_seed(drawn: DrawnFigure) -> None:
    lines = [[(1, 0.2), (2, 0.4)], [(1, 0.2), (2, 0.41)]]
    drawn.figure.axes[0].add_collection(LineCollection(lines, colors="C0", gid="seeds"))


def beyond(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].errorbar([3], [0.9], yerr=[0.15], color="C0")


def stacked_beyond(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].bar([1, 2], [0.61, 0.9], bottom=[0.35, 0.57], color="C5")


def long_title(drawn: DrawnFigure) -> None:
    drawn.figure.suptitle("one line\na second\na third\na fourth")


def in_percent(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].lines[0].set_ydata([20, 40, 61])


def other_scale(drawn: DrawnFigure) -> None:
    (ax,) = drawn.figure.axes
    left, right = ax.get_subplotspec().subgridspec(1, 2)  # type: ignore[union-attr]
    ax.set(ylim=(0, 1), subplotspec=left)
    drawn.figure.add_subplot(right, ylim=(0, 0.5))


def no_glyph(drawn: DrawnFigure) -> None:
    drawn.figure.axes[0].set_xlabel("帽")


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (outside, "outside", "a text that goes on"),
        (over_another, "overlap", "'digits' over 'over it'"),
        (slanted_over_another, "overlap", "'a long slanted text' over 'across'"),
        (path, "path", "npz:/home/jane/x.npz"),
        (entry_lacks, "legend lacks", "'step consistency' of panel 1 (digits)"),
        (same_look, "same look", "'CE', 'DLB'"),
        (two_looks, "two looks", "'CE'"),
        (legend_differs, "legend differs", "'CE'"),
        (same_colour, "same colour", "DLB, bars"),
        (same_name, "same name", "2 ticks of panel 1 (digits) are 'dlb(alp…'"),
        (too_high, "too high", "8.10 inches"),
        (too_wide, "too wide", "3.50 inches"),
        (small_panel, "small panel", "inches"),
        (other_height, "not in numbers", "line 'CE' of panel 1 (digits): y 0.613"),
        (epochs_from_zero, "not in numbers", "line 'CE' of panel 1 (digits): x 0"),
        (other_row, "not in numbers", "x and y are not in the same rows"),
        (other_points, "not in numbers", "y 0.41"),
        (other_bars, "not in numbers", "bars without a label of panel 1 (digits): 0.41"),
        (other_cells, "not in numbers", "heat map of panel 1 (digits): 0.3"),
        (other_interval, "not in numbers", "interval of panel 1 (digits): y 0.13, 0.27"),
        (other_seed, "not in numbers", "a seed's line of panel 1 (digits): y 0.41"),
        (beyond, "beyond [0, 1]", "interval of panel 1 (digits) on 'accuracy': 0.75 to 1.05"),
        (stacked_beyond, "beyond [0, 1]", "bars without a label of panel 1 (digits) on 'accuracy': 0.35 to 1.47"),
        (long_title, "long title", "4 lines"),
        (in_percent, "not in numbers", "line 'CE' of panel 1 (digits): y 20"),
        (other_scale, "two scales", "0 to 1 and 0 to 0.5"),
        (no_glyph, "warning", "missing"),
    ],
)
def test_the_check_finds(spoil: Callable[[DrawnFigure], None], kind: str, said: str) -> None:
    drawn, _ = good()
    spoil(drawn)
    found = check(drawn, "column")
    assert any(each.kind == kind and said in each.what for each in found), found


def test_the_check_finds_nothing_in_a_good_figure() -> None:
    drawn, numbers = good()
    assert check(drawn, "column") == []
    assert check(DrawnFigure(drawn.figure, numbers), "column") == [Violation("caption", "it is empty")]
    told = DrawnFigure(drawn.figure, numbers.assign(data="npz:/home/jane/x.npz"), "Accuracy")
    assert check(told, "column") == [Violation("path", "'npz:/home/jane/x.npz' in numbers, column data")]


def test_slanted_texts_side_by_side_do_not_overlap() -> None:
    drawn, _ = good()
    drawn.figure.set_figheight(4)
    drawn.figure.axes[0].set_xticks([1, 1.2, 1.4], ["a long name", "another name", "a third name"], rotation=45, ha="right")
    assert [each for each in check(drawn, "column") if each.kind == "overlap"] == []


def test_what_is_not_on_the_page_is_not_read() -> None:
    drawn, _ = good()
    ax = drawn.figure.axes[0]
    ax.set_xticks(np.linspace(1, 60, 60), [f"name {n}" for n in range(60)])
    ax.set_xlim(1, 3)
    drawn.figure.text(0.5, 0.5, "hidden").set_visible(False)
    drawn.figure.text(0.5, 0.5, "hidden too").set_visible(False)
    assert [each for each in check(drawn, "column") if each.kind in ("outside", "overlap")] == []
