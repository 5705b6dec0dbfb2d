"""The figure of memorisation: curves against the images processed, and differences below."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_numbers import seed_lines
from drawn_page import assert_readable
from made_runs import made, memorisation, metrics, results

from noisylab.analysis.comparisons import compare
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.drawn_figure import DrawnFigure


def test_differences_of_nothing_have_an_axis_of_points() -> None:
    rows = results(("ce", "repeat", "dlb"), ("symmetric",), (0.4,)).assign(memorised=1.0)
    drawn = draw_figure("memorisation", made(rows, metrics(("ce", "repeat", "dlb"))))
    left, right = drawn.figure.axes[-1].get_xlim()
    assert left <= -1 < 1 <= right


def test_contrasts_that_have_no_room_are_counted() -> None:
    assert "contrasts" not in memorisation().caption
    variants = tuple(f"dlb(alpha={alpha})" for alpha in (0.5, 1.0, 2.0, 3.0, 5.0))
    drawn = memorisation(variants)
    assert "; 3 of 4 contrasts. " in drawn.caption
    shown = drawn.numbers.dropna(subset=["n"])
    compared = set(zip(shown["method"], shown["baseline"], strict=True))
    (left,) = {(method, "dlb(alpha=0.5)") for method in variants[1:]} - compared
    assert f"Contrast not shown: {left[0]} \N{MINUS SIGN} {left[1]} (memorisation(contrasts=4) has all)." in drawn.caption
    rows = results(variants)
    runs = made(rows, metrics(variants, noises=list(dict.fromkeys(rows["noise"]))))
    whole = draw_figure("memorisation(contrasts=4)", runs)
    assert "not shown" not in whole.caption
    assert len(whole.figure.axes[2].get_yticklabels()) == 4
    none = draw_figure("memorisation", runs, contrasts=0)
    assert "below" not in none.caption
    assert len([ax for ax in none.figure.axes if ax.get_title()]) == 4
    assert len(none.figure.axes) == 8


@pytest.mark.parametrize("count", [0, 5])
@pytest.mark.parametrize("chosen", [True, False])
def test_on_a_slide_stands_what_fits_and_what_does_not_is_named(count: int, chosen: bool) -> None:
    methods = ("ce", "repeat", "dlb", *(f"a_method_number_{n}" for n in range(count)))
    rows = results(methods)
    runs = made(rows, metrics(methods, noises=list(dict.fromkeys(rows["noise"]))))
    runs = replace(runs, methods=methods) if chosen else runs
    drawn = draw_figure("memorisation", runs, venue="beamer")
    assert_readable(drawn)
    assert drawn.figure.get_figheight() <= 3.1
    assert set(drawn.numbers["method"]) == set(methods)
    assert drawn.numbers["noise"].nunique() == 1
    if count:
        assert len(drawn.figure.axes) == 2
        named = "Contrasts not shown: DLB \N{MINUS SIGN} repeat and DLB \N{MINUS SIGN} CE (memorisation(contrasts=2) has all)."
        assert named in drawn.caption
    else:
        assert "not shown" not in drawn.caption
        assert len(drawn.figure.axes) == 4
        # What the reader asks for is never made less.
        with pytest.raises(ValueError, match=r"cannot be read in 3\.0 x 3\.1 inches"):
            draw_figure("memorisation(contrasts=2)", runs, venue="beamer", width=3.0)


def test_noises_fill_the_page_if_only_one_of_them_is_usual() -> None:
    rows = results(rates=(0.3, 0.4, 0.5), kinds=("symmetric",))
    measured = metrics(noises=list(dict.fromkeys(rows["noise"])))
    drawn = draw_figure("memorisation", made(rows, measured), width="column")
    assert [ax.get_title() for ax in drawn.figure.axes if ax.get_title()] == ["symmetric:0.4", "symmetric:0.3"]


def test_many_methods_are_drawn_as_means_alone_which_the_title_says() -> None:
    few, many = (tuple(f"m{n}" for n in range(count)) for count in (5, 6))
    assert "thin: 3 seeds, thick: their mean" in memorisation(few, kinds=("symmetric",), rates=(0.4,)).figure.get_suptitle()
    drawn = memorisation(many, kinds=("symmetric",), rates=(0.4,))
    assert "means over 3 seeds" in drawn.figure.get_suptitle()
    assert len(drawn.figure.axes[0].lines) == len(many)
    assert drawn.figure.axes[1].get_ylim()[0] == 0


def test_accuracy_and_memorised_share_stand_against_the_images_that_the_network_processed() -> None:
    drawn = memorisation(rates=(0, 0.4, 0.6))
    assert [ax.get_title() for ax in drawn.figure.axes if ax.get_title()] == [
        "symmetric:0.4",
        "symmetric:0.6",
        "asymmetric:0.4",
        "asymmetric:0.6",
    ]
    # Nine seeds as thin lines, three means as thick ones.
    assert [line.get_linewidth() for line in drawn.figure.axes[0].lines] == [1.6] * 3
    thin = seed_lines(drawn.figure.axes[0])
    assert [float(width) for lines in thin for width in lines.get_linewidth()] == [0.6] * 3
    of_seeds = drawn.numbers.query("noise == 'symmetric:0.4' and run != 'mean'").dropna(subset=["epoch"])
    wanted = [rows[["images", "test_accuracy"]] for _, rows in of_seeds.groupby("run", sort=False)]
    drawn_seeds = [points for lines in thin for points in lines.get_segments()]
    assert len(drawn_seeds) == 9
    np.testing.assert_allclose(drawn_seeds, wanted)
    last = drawn.numbers[drawn.numbers["epoch"] == 12].groupby("method")["images"].first()
    assert last.to_dict() == {"ce": 12 * 1347, "dlb": 12 * 2694, "repeat": 12 * 2694}
    thick = next(line for line in drawn.figure.axes[0].lines if line.get_label() == "DLB")
    rows = drawn.numbers.query("method == 'dlb' and noise == 'symmetric:0.4' and run != 'mean'")
    np.testing.assert_allclose(thick.get_ydata(), rows.groupby("epoch")["test_accuracy"].mean())
    np.testing.assert_allclose(thick.get_xdata(), 2694 * np.arange(1, 13))


@pytest.mark.parametrize(("seeds", "intervals"), [(2, False), (3, True)])
def test_below_the_curves_are_the_paired_differences_with_their_intervals(seeds: int, intervals: bool) -> None:
    drawn = memorisation(kinds=("symmetric",), rates=(0.4,), seeds=seeds)
    below, of_memorised = drawn.figure.axes[2:]
    assert [label.get_text() for label in below.get_yticklabels()] == ["DLB \N{MINUS SIGN} repeat", "DLB \N{MINUS SIGN} CE"]
    table = compare(results(kinds=("symmetric",), rates=(0.4,), seeds=seeds), contrasts=[("dlb", "repeat"), ("dlb", "ce")])
    points = below.containers
    np.testing.assert_allclose([held.lines[0].get_xdata()[0] for held in points], 100 * table["difference"])
    assert {held.lines[0].get_xdata()[0] for held in of_memorised.containers} == {0}
    assert below.get_xlim() != of_memorised.get_xlim()
    shown = drawn.numbers[drawn.numbers["n"].notna()]
    np.testing.assert_allclose(shown["difference_ci95_half"], table["difference_ci95_half"])
    assert all(held.has_xerr == intervals for held in points)
    # Two seeds are drawn themselves.
    dots = [line for line in below.lines if line.get_marker() == "o" and line.get_markersize() == 2]
    assert sum(len(line.get_xdata()) for line in dots) == (0 if intervals else 4)


def test_epochs_without_a_test_are_skipped() -> None:
    rows, measured = results(kinds=("symmetric",), rates=(0.4,)), metrics()
    measured.loc[measured["epoch"] % 4 != 3, "test_accuracy"] = np.nan
    top, bottom, *_ = draw_figure("memorisation", made(rows, measured)).figure.axes
    assert {len(line.get_ydata()) for line in top.lines} == {3}
    assert {len(line.get_ydata()) for line in bottom.lines} == {12}


def test_a_study_of_many_noises_shows_the_usual_ones_and_a_chosen_noise_is_shown_alone() -> None:
    def titles(drawn: DrawnFigure) -> list[str]:
        return [ax.get_title() for ax in drawn.figure.axes if ax.get_title()]

    rows = results(rates=(0, 0.2, 0.4, 0.6))
    measured = metrics(noises=list(dict.fromkeys(rows["noise"])))
    assert titles(draw_figure("memorisation", made(rows, measured))) == ["symmetric:0.4", "symmetric:0.6", "asymmetric:0.4"]
    assert titles(draw_figure("memorisation", made(rows, measured, chosen=True))) == ["asymmetric:0.6"]
    both = draw_figure("memorisation", made(rows, measured), noises=("asymmetric:0.2", "symmetric:0"))
    assert titles(both) == ["asymmetric:0.2", "symmetric:0"]
    with pytest.raises(ValueError, match=r"noises must be of the study.s, symmetric:0, .*, got .pair_flip:0\.1."):
        draw_figure("memorisation", made(rows, measured), noises=("pair_flip:0.1",))
