"""Titles and names over several lines: of about one length, and broken between facts, never within a name."""

import matplotlib.pyplot as plt
import pandas
import pytest

from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.line_breaks import balanced
from noisylab.plotting.style import narrow, paper_style


@pytest.mark.parametrize("room", [44, 52, 60, 68, 76])
@pytest.mark.parametrize("method", ["DLB", "dlb(temperature=4.0, alpha=3.0)"])
def test_a_line_is_broken_between_facts_into_lines_of_about_one_length(method: str, room: int) -> None:
    line = f"digits (1,347 training samples), small_cnn, images of 40 epochs, {method}, 8 of 62 methods"
    lines = balanced(line, len, room).split("\n")
    assert " ".join(lines) == line
    assert max(map(len, lines)) <= room
    assert len(lines) <= -(-len(line) // room) + 1
    assert min(map(len, lines)) >= 0.4 * max(map(len, lines)), "no word stands alone"
    assert any(method in each for each in lines) or (room == 44 and len(lines) == 3), "names are whole but for a fourth line"
    assert all(each.endswith(",") for each in lines[:-1]) or method != "DLB"


def test_a_line_that_fits_stays_and_a_part_that_is_too_long_stands_alone() -> None:
    assert balanced("one line", len, 8) == "one line"
    assert balanced("a " + "x" * 20 + " b", len, 8) == "a\n" + "x" * 20 + "\nb"
    assert balanced("", len, 8) == ""
    assert balanced("paired differences of 5 seeds", len, 24) == "paired differences\nof 5 seeds", "not: of 5"


@pytest.mark.parametrize("width", [2.5, 3.3, 4.0])
def test_the_title_of_a_figure_has_balanced_lines_and_its_text_stays(width: float) -> None:
    said = "digits (1,347 training samples), small_cnn, images of 40 epochs, symmetric:0.4, 2 of 62 methods"
    with paper_style():
        figure, _ = plt.subplots(figsize=(width, 2), layout="constrained")
        figure.suptitle(said, wrap=True)
    drawn = DrawnFigure(figure, pandas.DataFrame())
    (title,) = drawn.figure.texts
    drawn.figure.draw_without_rendering()
    lines = title._get_wrapped_text().split("\n")
    assert title.get_text().split("\n") == lines, "matplotlib breaks no further"
    assert len(lines) > 1
    assert " ".join(lines) == said
    assert min(map(len, lines)) >= 0.4 * max(map(len, lines))


def test_names_in_narrow_places_are_broken_as_late_as_their_lines_are_short_and_stay_different() -> None:
    names = ["symmetric:0.4", "symmetric(include_true=True):0.4", "empirical(noise='instance:0.4')", "noisy settings, pooled"]
    assert narrow(names, 17) == [
        "symmetric:0.4",
        "symmetric\n(include_true=\nTrue):0.4",
        "empirical\n(noise='instance:\n0.4')",
        "noisy settings,\npooled",
    ]
    assert narrow(names, 40) == names
    for width in (10, 12, 16, 20, 24):
        shown = narrow(names, width)
        assert len(set(shown)) == len(names)
        assert max(len(line) for name in shown for line in name.split("\n")) <= width
        assert max(name.count("\n") for name in shown) < 3 or width < 12
