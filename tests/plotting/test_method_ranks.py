"""Ranks of methods: over seeds under each noise, and over data sets."""

import sys

import numpy as np
import pandas
import pytest
from drawn_page import assert_readable
from made_runs import made, results

from noisylab.plotting.catalogue import draw_figure


@pytest.mark.parametrize("count", [2, 5, 28])
@pytest.mark.parametrize("noises", [1, pytest.param(2, marks=pytest.mark.slow), 4])
def test_the_rank_plot_is_readable_and_has_the_best_on_top(count: int, noises: int) -> None:
    methods = ("ce", "repeat", "dlb", *(f"method_number_{n}" for n in range(count)))[:count]
    drawn = draw_figure("method_ranks", made(results(methods, ("symmetric",), (0, 0.2, 0.4, 0.6)[:noises])))
    assert_readable(drawn)
    for ax, (_, ranks) in zip(drawn.figure.axes, drawn.numbers.groupby("noise", sort=False), strict=True):
        top = ax.get_yticklabels()[-1].get_text().lower()
        assert ranks.groupby("method")["rank"].mean()[top] == pytest.approx(ranks["mean_rank"].min())
        # A dot for the seeds of each rank, and one for the mean.
        dots = sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o")
        assert dots == len(ranks.drop_duplicates(["method", "rank"])) + count


def test_the_rank_figure_says_that_seeds_are_no_data_sets() -> None:
    drawn = draw_figure("method_ranks", made(results(rates=(0.4,))))
    assert "one data set" in drawn.figure.get_suptitle()
    assert "over the seeds of one data set" in drawn.caption
    assert "p = " in drawn.figure.axes[0].get_title()
    assert "Friedman's p over the seeds" in drawn.figure.get_suptitle()


def test_ranks_over_five_data_sets_are_a_critical_difference_diagram(monkeypatch: pytest.MonkeyPatch) -> None:
    several = [results(rates=(0.4,)).assign(data=f"set_{n}", comparison_key=str(n)) for n in range(5)]
    with pytest.raises(ValueError, match="runs differ in data"):
        draw_figure("method_ranks", made(pandas.concat(several[:4], ignore_index=True)))
    runs = made(pandas.concat(several, ignore_index=True))
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    with pytest.raises(ValueError, match=r"scikit_posthocs is not installed; pip install .noisylab\[ranks\]."):
        draw_figure("method_ranks", runs)
    monkeypatch.undo()
    pytest.importorskip("scikit_posthocs")
    drawn = draw_figure("method_ranks", runs)
    assert "5 data sets" in drawn.caption
    shown = drawn.numbers.groupby("method")[["rank", "mean_rank"]].mean()
    np.testing.assert_allclose(shown["rank"], shown["mean_rank"])
    written = {text.get_text() for text in drawn.figure.axes[0].texts}
    assert any(f"CE ({shown['rank']['ce']:.2f})" == text or f"({shown['rank']['ce']:.2f}) CE" == text for text in written)


def test_many_noises_are_thinned_out_until_the_ranks_fit_a_column() -> None:
    rates = tuple(rate / 20 for rate in range(13))
    drawn = draw_figure("method_ranks", made(results(kinds=("symmetric",), rates=rates)), width="column")
    assert drawn.figure.get_figheight() <= 8
    titles = [ax.get_title().split(",")[0] for ax in drawn.figure.axes]
    assert titles[0] == "symmetric:0.05", "noisy settings come first"
    assert titles[-1] == "symmetric:0.6"
    assert f"{len(titles)} of 12 noisy settings" in drawn.caption


@pytest.mark.parametrize("panels", [1, 2, 3])
def test_noisy_settings_get_room_before_clean_ones(panels: int) -> None:
    drawn = draw_figure("method_ranks", made(results()), panels=panels)
    assert len(set(drawn.numbers["noise"])) == panels
    assert "symmetric:0" not in set(drawn.numbers["noise"])
    assert "symmetric:0" in set(draw_figure("method_ranks", made(results())).numbers["noise"])


def test_a_chosen_noise_is_ranked_alone_and_p_is_said_to_be_uncorrected() -> None:
    rows = results()
    assert set(draw_figure("method_ranks", made(rows, chosen=True)).numbers["noise"]) == {"asymmetric:0.4"}
    drawn = draw_figure("method_ranks", made(rows))
    assert "without correction for several noises" in drawn.caption
    assert "uncorrected" in drawn.figure.get_suptitle()
    assert "Friedman" not in draw_figure("method_ranks", made(results(seeds=1))).caption


def test_sixty_methods_have_ranks_on_a_page() -> None:
    methods = tuple(f"dlb(alpha={alpha})" for alpha in range(1, 61))
    drawn = draw_figure("method_ranks", made(results(methods, ("symmetric", "asymmetric"), (0.4,))))
    assert drawn.figure.get_figheight() <= 8
    assert [len(ax.get_yticklabels()) for ax in drawn.figure.axes] == [60, 60]
