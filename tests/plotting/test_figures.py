"""Figures: axes in, axes out; the same method looks the same everywhere; nothing is drawn over a text."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from drawn_page import assert_readable
from made_runs import made, memorisation, metrics, results
from matplotlib.axes import Axes

from noisylab.analysis.comparisons import compare, mean_ranks, primary_contrasts
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import summarise, summarise_epochs
from noisylab.analysis.variance import DEPENDENT
from noisylab.api import sweep
from noisylab.plotting.accuracy_against_consistency import dose_path
from noisylab.plotting.axis_comparison import axis_points
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.differences import POOLED, forest
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import curves, learning_rate_drops
from noisylab.plotting.looks import looks
from noisylab.plotting.memorisation import seed_curves
from noisylab.plotting.method_ranks import rank_plot
from noisylab.plotting.noise_robustness import accuracy_against_rate
from noisylab.plotting.option_map import option_heatmap
from noisylab.plotting.study_runs import StudyRuns, hardest_noise
from noisylab.plotting.style import inches, paper_style, share_text

BUDGETS = ("images", "updates", "epochs")
LONG = ("ce", "repeat", "dlb", "dlb(temperature=4.0, alpha=3.0)", "dlb(temperature=1.0, alpha=0.25)")


def robustness(*args: Any, **kwargs: Any) -> DrawnFigure:
    return draw_figure("noise_robustness", made(results(*args, **kwargs)))


def budgets(seeds: int = 5, **columns: Any) -> pandas.DataFrame:
    """Runs under three budgets."""
    parts = [results(rates=(0, 0.4, 0.6), seeds=seeds).assign(budget=name, comparison_key=name, **columns) for name in BUDGETS]
    return pandas.concat(parts, ignore_index=True)


def doses(seeds: int = 3) -> pandas.DataFrame:
    """Runs of DLB with several strengths, whose accuracy rises with the consistency, beside CE and repeat."""
    methods = ("ce", "repeat", "dlb(alpha=10.0)", "dlb(alpha=0.0)", "dlb", "dlb(alpha=0.3)", "dlb(alpha=3.0)")
    rows = results(methods, ("symmetric",), (0.4,), seeds)
    gain = rows["method"].map({"dlb(alpha=0.3)": 0.1, "dlb": 0.15, "dlb(alpha=3.0)": 0.2, "dlb(alpha=10.0)": 0.25}).fillna(0)
    rows["test_accuracy_last"] += gain
    return rows.assign(consistency_clean=0.7 + gain, consistency_mislabelled=0.3 + gain)


def over(axis: str, values: Sequence[object], **others: Any) -> pandas.DataFrame:
    """Runs at several values of a setting."""
    parts = [results(("ce", "repeat", "dlb"), ("symmetric",), (0.4,)).assign(**{axis: value}, **others) for value in values]
    return pandas.concat([part.assign(comparison_key=str(n)) for n, part in enumerate(parts)], ignore_index=True)


def options_grid(**columns: Any) -> pandas.DataFrame:
    """Runs of DLB with two options varied, beside CE."""
    methods = [f"dlb(temperature={t}, alpha={a})" for t in (1.0, 2.0, 4.0) for a in (0.3, 3.0)]
    return results(("ce", *methods), ("symmetric",), (0.4,)).assign(**columns)


def forest_rows() -> pandas.DataFrame:
    numbers = draw_figure("differences", made(results())).numbers.assign(group="")
    return numbers[numbers["baseline"] == "ce"]


def dose_rows() -> pandas.DataFrame:
    return draw_figure("accuracy_against_consistency", made(doses())).numbers.query("run != 'mean'")


AXES_LEVEL: dict[str, Callable[..., Axes]] = {
    "accuracy_against_rate": lambda **kwargs: accuracy_against_rate(summarise(results(kinds=("symmetric",))), **kwargs),
    "curves": lambda **kwargs: curves(summarise_epochs(metrics(), ["test_accuracy"]), "test_accuracy", **kwargs),
    "axis_points": lambda **kwargs: axis_points(
        summarise(over("batch_size", [32, 64]), ["batch_size"]), "batch_size", **kwargs
    ),
    "seed_curves": lambda **kwargs: seed_curves(metrics(), "test_accuracy", **kwargs),
    "forest": lambda **kwargs: forest(forest_rows(), [""], **kwargs),
    "dose_path": lambda **kwargs: dose_path(dose_rows(), "consistency_clean", **kwargs),
    "rank_plot": lambda **kwargs: rank_plot(mean_ranks(results(kinds=("symmetric",), rates=(0.4,))), **kwargs),
}


@pytest.mark.parametrize("name", AXES_LEVEL)
def test_an_axes_function_draws_into_the_given_axes_alone_or_the_current_ones(name: str) -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert AXES_LEVEL[name](ax=left) is left
    assert len(left.lines) >= 3
    assert not right.has_data()
    assert left.get_legend() is None
    assert AXES_LEVEL[name]() is right


@pytest.mark.parametrize("name", AXES_LEVEL)
def test_an_axes_function_hands_its_keywords_to_the_artists(name: str) -> None:
    _, ax = plt.subplots()
    AXES_LEVEL[name](ax=ax, linewidth=7, color="red")
    red = [line for line in ax.lines if line.get_color() == "red"]
    assert len(red) >= 3
    assert 7 in {line.get_linewidth() for line in red}


def test_the_lines_and_bands_are_the_means_and_intervals_of_the_summary() -> None:
    summary = summarise(results(kinds=("symmetric",)))
    _, ax = plt.subplots()
    accuracy_against_rate(summary, ax=ax)
    for line, band, (_, rows) in zip(ax.lines, ax.collections, summary.groupby("method", sort=False), strict=True):
        np.testing.assert_allclose(line.get_ydata(), rows["test_accuracy_last"])
        np.testing.assert_allclose(line.get_xdata(), rows["nominal_rate"])
        vertices = band.get_paths()[0].vertices[:, 1]
        assert vertices.max() == pytest.approx((rows["test_accuracy_last"] + rows["test_accuracy_last_ci95_half"]).max())
        assert vertices.min() == pytest.approx((rows["test_accuracy_last"] - rows["test_accuracy_last_ci95_half"]).min())


def test_a_method_looks_the_same_in_both_figures_whatever_else_is_there() -> None:
    def seen(drawn: DrawnFigure) -> dict[str, tuple[object, ...]]:
        return {
            str(line.get_label()): (line.get_color(), line.get_linestyle(), line.get_marker())
            for line in drawn.figure.axes[0].lines
            if not str(line.get_label()).startswith(("_", "drop of"))
        }

    methods = (*LONG, "elr", "dlb(alpha=5.0)")
    others = seen(memorisation(methods, figure="mislabelled_predictions"))
    both = seen(robustness(methods))
    assert others == both
    assert len(both) == len(methods)
    rows = results(methods)
    some = rows[rows["method"].isin(["elr", "dlb(alpha=5.0)"])]
    alone = seen(draw_figure("noise_robustness", StudyRuns(some, Path("nowhere"), hardest_noise(some), study=rows)))
    assert alone == {name: both[name] for name in ("elr", "dlb(alpha=5.0)")}


def test_the_three_methods_of_every_comparison_differ_in_colour_line_and_marker() -> None:
    styles = list(looks(["ce", "repeat", "dlb"]).values())
    for key in ("color", "linestyle", "marker"):
        assert len({style[key] for style in styles}) == 3


READABLE: dict[str, Callable[[], DrawnFigure]] = {
    "one method and seed": lambda: robustness(("ce",), ("symmetric",), (0, 0.2, 0.4, 0.6), seeds=1),
    "long names": lambda: robustness(LONG, ("symmetric", "asymmetric")),
    "three kinds": lambda: robustness(LONG, ("symmetric", "asymmetric", "pair_flip")),
    "one rate": lambda: robustness(rates=(0.4,)),
    "no noise": lambda: robustness(rates=(0,)),
    "many rates": lambda: robustness(rates=(0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5)),
    "long noise": lambda: robustness(kinds=("symmetric(include_true=True, sampling='iid')", "asymmetric(sampling='exact')")),
    "an epoch": lambda: memorisation(("ce",), 1, 1),
    "few epochs": lambda: memorisation(seeds=1),
    "many epochs": lambda: memorisation(LONG, 3, 100),
    "narrow memorisation": lambda: memorisation(LONG, width="column"),
    "many noises": lambda: memorisation(rates=(0.2, 0.4, 0.6)),
    "predictions": lambda: memorisation(LONG, figure="mislabelled_predictions"),
    "long noises": lambda: memorisation(kinds=("symmetric(include_true=True, sampling='iid')",), rates=(0.4, 0.6)),
    "differences": lambda: draw_figure("differences", made(results())),
    "narrow differences": lambda: draw_figure("differences", made(results()), width="column"),
    "budgets": lambda: draw_figure("differences", made(budgets())),
    "narrow budgets": lambda: draw_figure("differences", made(budgets()), width="column"),
    "other contrasts": lambda: draw_figure("differences", made(results((*LONG[3:], "elr", "gce", "lsr", "sce")))),
    "one seed's differences": lambda: draw_figure("differences", made(results(seeds=1))),
    "doses": lambda: draw_figure("accuracy_against_consistency", made(doses())),
    "narrow doses": lambda: draw_figure("accuracy_against_consistency", made(doses()), width="column"),
    "batch sizes": lambda: draw_figure("axis_comparison", made(over("batch_size", [64, 32, 128]))),
    "many augmentations": lambda: draw_figure("axis_comparison", made(over("augment", ["none", "auto", "mixup", "cutmix"]))),
    "map": lambda: draw_figure("option_map", made(options_grid())),
    "narrow map": lambda: draw_figure("option_map", made(options_grid()), width="column"),
}


@pytest.mark.parametrize("name", READABLE)
def test_a_figure_is_readable_for_little_and_for_much(name: str) -> None:
    assert_readable(READABLE[name]())


def test_the_methods_of_every_comparison_get_room_first_and_then_those_of_the_contrasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    methods = ("m0", "m1", "m2", "repeat", "m3", "dlb", "ce")
    rows = results(methods, ("symmetric",), (0.4,))
    asked = [("m3", "m1"), ("m1", "repeat"), ("dlb", "ce"), ("dlb", "repeat")]
    runs = made(rows, metrics(methods))
    monkeypatch.setattr("noisylab.plotting.study_runs.study_contrasts", lambda *_: asked)
    assert runs.preferred(rows) == ["dlb", "ce", "repeat", "m3", "m1", "m0", "m2"]
    assert list(dict.fromkeys(runs.fitting(rows, 4)["method"])) == ["repeat", "m3", "dlb", "ce"], "in the order of figures"
    chosen = StudyRuns(rows, Path("nowhere"), hardest_noise(rows), methods=methods)
    assert chosen.preferred(rows) == list(methods)
    below = draw_figure("memorisation", runs).figure.axes[2]
    assert [label.get_text().replace("\n", " ") for label in below.get_yticklabels()] == [
        f"{method} \N{MINUS SIGN} {baseline}" for method, baseline in (("DLB", "repeat"), ("DLB", "CE"), ("m3", "m1"))
    ]


def test_titles_count_what_the_reader_counts() -> None:
    rates = tuple(rate / 20 for rate in range(13))
    rows = results(kinds=("symmetric",), rates=rates)
    measured = metrics(noises=list(dict.fromkeys(rows["noise"])))
    assert ", 2 of 12 noisy settings" in draw_figure("memorisation", made(rows, measured)).caption
    assert ", 7 of 13 noises" in made(rows).part_of_noises(["symmetric:0", *list(rows["noise"].unique())[1:7]])
    noisy = made(rows[rows["realised_rate"] > 0])
    assert noisy.part_of_noises(["symmetric:0.4"]) == ", 1 of 12 noises"
    aged = results(("ce", "repeat", "dlb", "lsr", "gce"), ("symmetric",), rates).assign(epochs_trained=40)
    assert ", 3 of 5 methods, 3 of 12 noisy settings" in draw_figure("accuracy_against_age", made(aged)).caption


@pytest.mark.parametrize(
    ("name", "count", "said"),
    [
        ("memorisation", 4, "2 of 4 noisy settings"),
        ("accuracy_against_cost", 2, "1 of 4 noisy settings"),
        ("differences", 6, "2 of 6 contrasts"),
        ("method_ranks", 5, "2 of 4 noisy settings"),
        ("noise_robustness", 2, "1 of 2 kinds of noise"),
    ],
)
def test_the_reader_chooses_the_number_of_panels_and_the_title_says_of_how_many(
    name: str, count: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = results(("ce", "repeat", "dlb", "lsr")).assign(images_total=1)
    runs = made(rows, metrics(noises=list(dict.fromkeys(rows["noise"]))))
    asked = list(itertools.combinations(("lsr", "dlb", "repeat", "ce"), 2))
    monkeypatch.setattr("noisylab.plotting.study_runs.study_contrasts", lambda *_: asked)
    wanted = int(said[0])

    def panels(drawn: DrawnFigure) -> int:
        return len([ax for ax in drawn.figure.axes if ax.get_title()])

    assert panels(draw_figure(name, runs)) == count
    fewer = draw_figure(name, runs, panels=wanted)
    assert panels(fewer) == wanted
    assert said in fewer.caption
    with pytest.raises(ValueError, match="panels must be at least 1, got 0"):
        draw_figure(name, runs, panels=0)


def test_drops_of_the_learning_rate_are_marked() -> None:
    figure = memorisation(figure="mislabelled_predictions").figure
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [8.5]
    assert figure.legends[0].get_texts()[-1].get_text() == "drop of the learning rate"


def test_the_numbers_of_the_robustness_figure_are_those_of_the_summary_and_runs_without_noise_are_in_every_panel() -> None:
    drawn = robustness()
    assert sorted(ax.get_title() for ax in drawn.figure.axes) == ["asymmetric", "symmetric"]
    for ax, (_, rows) in zip(drawn.figure.axes, drawn.numbers.groupby("panel", sort=False), strict=True):
        assert sorted(rows["nominal_rate"].unique()) == [0, 0.2, 0.4]
        assert {line.get_xdata()[0] for line in ax.lines if not str(line.get_label()).startswith("_")} == {0}
    order = ["nominal_rate", "method"]
    shown = robustness(kinds=("symmetric",)).numbers
    one = shown[shown["run"] == "mean"].drop(columns=["panel", "run"]).sort_values(order, ignore_index=True)
    wanted = summarise(results(kinds=("symmetric",))).sort_values(order, ignore_index=True)
    pandas.testing.assert_frame_equal(one, wanted, check_dtype=False)
    # Three seeds are drawn, and in the numbers too.
    seeds, rows = shown[shown["run"] != "mean"].set_index("run"), results(kinds=("symmetric",)).set_index("id")
    assert seeds["test_accuracy_last"].to_dict() == rows["test_accuracy_last"].to_dict()


def test_every_legend_states_how_many_images_a_run_processed() -> None:
    for drawn in (robustness(), memorisation(), READABLE["batch sizes"]()):
        (legend,) = drawn.figure.legends
        entries = [text.get_text() for text in legend.get_texts()]
        assert [entry.split(":")[0] for entry in entries if ": " in entry] == ["CE", "repeat", "DLB"]
        assert all(entry.endswith("images") for entry in entries if ": " in entry)


# What the picture says


def noisy_rows(
    noises: Sequence[tuple[str, str, float]], methods: tuple[str, ...] = ("ce", "dlb"), seeds: int = 2
) -> pandas.DataFrame:
    """Runs under noises, each with its kind and rate."""
    base = results(methods, ("symmetric",), (0.4,), seeds)
    parts = [
        base.assign(noise=noise, noise_kind=kind, nominal_rate=rate, realised_rate=rate, id=base["id"] + noise)
        for noise, kind, rate in noises
    ]
    return pandas.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("noises", "ticks"),
    [
        ([("symmetric:0", "symmetric", 0.0)], ["symmetric:0"]),
        ([("symmetric:0.4", "symmetric", 0.4)], ["symmetric:0.4"]),
        ([("file:a", "file", 0.2), ("file:b", "file", 0.3)], ["file:a", "file:b"]),
    ],
)
def test_noises_without_rates_to_compare_stand_side_by_side(noises: list[tuple[str, str, float]], ticks: list[str]) -> None:
    drawn = draw_figure("noise_robustness", made(noisy_rows(noises, ("ce", "repeat", "dlb"))))
    (ax,) = drawn.figure.axes
    assert sorted(label.get_text() for label in ax.get_xticklabels()) == ticks
    means = [line for line in ax.lines if line.get_markersize() >= 4]
    places = np.concatenate([line.get_xdata() for line in means]).astype(float)
    assert len(set(places.round(6))) == 3 * len(ticks)
    assert_readable(drawn)


def test_few_seeds_are_drawn_one_by_one_and_no_band_leaves_the_unit_interval() -> None:
    few = robustness(seeds=2)
    assert not few.figure.axes[0].collections
    assert "small: 2 seeds, large: their mean" in few.figure.get_suptitle()
    many = results(seeds=4)
    many["test_accuracy_last"] = [0.0, 1.0, 0.9, 0.95] * (len(many) // 4)
    drawn = draw_figure("noise_robustness", made(many))
    assert "mean over 4 seeds, band: 95 % interval" in drawn.figure.get_suptitle()
    heights = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in drawn.figure.axes[0].collections])
    assert 0 <= heights.min() < heights.max() == 1
    epochs = memorisation(seeds=4, figure="mislabelled_predictions")
    assert "band" in epochs.figure.get_suptitle()
    heights = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in epochs.figure.axes[0].collections])
    assert 0 <= heights.min() <= heights.max() <= 1


def test_equal_values_have_no_interval() -> None:
    rows = results(("ce", "dlb"), ("symmetric",), (0.4,), seeds=5)
    rows["test_accuracy_last"] = rows["method"].map({"ce": 0.5, "dlb": 0.75})
    ranks = draw_figure("method_ranks", made(rows)).figure.axes[0]
    assert not [line for line in ranks.lines if line.get_marker() == "|"]
    forests = draw_figure("differences", made(rows)).figure.axes[0]
    assert not [line for line in forests.lines if line.get_marker() == "|"]


def test_hollow_points_and_uncorrected_intervals_are_explained() -> None:
    drawn = draw_figure("differences", made(results(seeds=5)))
    assert "Points are filled if p < .05, and else hollow, by paired t-tests after Holm's correction" in drawn.caption
    assert "Intervals are not corrected, so that one beside a hollow point may exclude 0." in drawn.caption
    assert "uncorrected 95 % interval" in " ".join(drawn.figure.get_suptitle().split())
    assert "Intervals are not corrected" not in draw_figure("differences", made(results(seeds=2))).caption


def test_a_chosen_noise_stands_alone_in_the_differences_with_the_same_p() -> None:
    whole, drawn = (draw_figure("differences", made(results(), chosen=chosen)) for chosen in (False, True))
    assert [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()] == ["asymmetric:0.4"]
    pandas.testing.assert_frame_equal(
        drawn.numbers, whole.numbers.query("noise == 'asymmetric:0.4'").reset_index(drop=True)[list(drawn.numbers)]
    )
    assert "pooled" not in drawn.figure.legends[0].get_texts()[0].get_text()


def test_differences_that_have_no_room_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [("dlb", "ce"), ("lsr", "dlb"), ("lsr", "ce")]
    monkeypatch.setattr("noisylab.plotting.study_runs.study_contrasts", lambda *_: asked)
    drawn = draw_figure("differences", made(results(("ce", "dlb", "lsr"))), panels=1)
    minus = "\N{MINUS SIGN}"
    assert f"Contrasts not shown: lsr {minus} DLB and lsr {minus} CE (noisylab compare has all)." in drawn.caption


def test_own_names_of_noises_stand_below_their_rates_and_those_of_data_at_their_values() -> None:
    labels = DisplayNames({"symmetric:0.4": "Sym", "set_1": "Second"})
    runs = replace(made(results(kinds=("symmetric",))), names=labels)
    ticks = [tick.get_text() for tick in draw_figure("noise_robustness", runs).figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "0.2", "0.4\nSym"]
    rates = tuple(rate / 20 for rate in range(13))
    many = draw_figure("noise_robustness", replace(made(results(kinds=("symmetric",), rates=rates)), names=labels))
    assert [tick.get_text() for tick in many.figure.axes[0].get_xticklabels()] == ["0", "0.4\nSym", "0.6"]
    several = pandas.concat([results(rates=(0.4,)).assign(data=f"set_{n}", comparison_key=str(n)) for n in range(2)])
    over_data = replace(made(several.reset_index(drop=True)), names=labels)
    drawn = draw_figure("axis_comparison", over_data)
    assert [tick.get_text() for tick in drawn.figure.axes[0].get_yticklabels()] == ["set_0", "Second"]
    assert "data Second" in [text.get_text() for text in draw_figure("differences", over_data).figure.legends[0].get_texts()]


def test_a_chosen_noise_is_shown_without_an_axis_of_rates() -> None:
    drawn = draw_figure("noise_robustness", made(results(), chosen=True))
    assert [tick.get_text() for tick in drawn.figure.axes[0].get_xticklabels()] == ["asymmetric:0.4"]
    assert drawn.caption.startswith("Test accuracy under each noise. ")
    assert set(drawn.numbers["noise"]) == {"asymmetric:0.4"}


def test_a_row_of_a_noise_without_a_difference_stays_empty_and_no_other_row_moves_there() -> None:
    rows = results(("ce", "repeat", "dlb"), ("symmetric",), (0.2, 0.4), seeds=3)
    rows = rows[~((rows["method"] == "repeat") & (rows["noise"] == "symmetric:0.2"))]
    drawn = draw_figure("differences", made(rows))
    left, right = drawn.figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [POOLED, "symmetric:0.2", "symmetric:0.4"]
    heights = {
        ax.get_title(): sorted({float(line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "o"})
        for ax in (left, right)
    }
    assert heights == {"DLB \N{MINUS SIGN} repeat": [0, 2], "DLB \N{MINUS SIGN} CE": [0, 1, 2]}


def test_the_title_says_how_many_methods_and_the_chosen_ones_are_all_drawn_in_their_order() -> None:
    methods = ("zeta", "ce", "repeat", "dlb", *(f"m{n}" for n in range(7)))
    drawn = robustness(methods, ("symmetric",))
    assert "8 of 11 methods" in drawn.figure.get_suptitle().replace("\n", " ")
    assert list(dict.fromkeys(drawn.numbers["method"])) == ["zeta", "ce", "repeat", "dlb", "m0", "m1", "m2", "m3"]
    rows = results(methods, ("symmetric",))
    asked = methods[::-1]
    chosen = draw_figure("noise_robustness", StudyRuns(rows, Path("nowhere"), hardest_noise(rows), methods=asked))
    assert list(dict.fromkeys(chosen.numbers["method"])) == list(asked)
    assert "methods" not in chosen.figure.get_suptitle()
    (legend,) = chosen.figure.legends
    assert [text.get_text().split(":")[0] for text in legend.get_texts()] == [
        {"dlb": "DLB", "ce": "CE"}.get(m, m) for m in asked
    ]


def test_lines_whose_looks_run_out_are_numbered_and_the_title_says_so() -> None:
    methods = tuple(f"dlb(alpha={n}.0)" for n in range(30))
    rows = results(methods, ("symmetric",), seeds=1)
    drawn = draw_figure("noise_robustness", StudyRuns(rows, Path("nowhere"), hardest_noise(rows), methods=methods))
    assert "lines numbered since looks run out" in drawn.figure.get_suptitle().replace("\n", " ")
    assert [text.get_text() for text in drawn.figure.axes[0].texts] == [str(n + 1) for n in range(30)]
    (legend,) = drawn.figure.legends
    assert [text.get_text().split("]")[0] for text in legend.get_texts()] == [f"[{n + 1}" for n in range(30)]


# Differences


def test_the_forest_has_the_pooled_and_the_single_differences_of_every_budget() -> None:
    drawn = draw_figure("differences", made(budgets()))
    assert [ax.get_title() for ax in drawn.figure.axes] == ["DLB \N{MINUS SIGN} repeat", "DLB \N{MINUS SIGN} CE"]
    pooled = primary_contrasts(budgets(), by=["budget"])
    shown = drawn.numbers[drawn.numbers["noise"] == POOLED]
    np.testing.assert_allclose(
        shown.sort_values(["budget", "baseline"])["difference"], pooled.sort_values(["budget", "baseline"])["difference"]
    )
    assert len(drawn.numbers) == 3 * 2 * 6
    labels = [tick.get_text() for tick in drawn.figure.axes[0].get_yticklabels()]
    assert labels[0] == POOLED
    assert len(labels) == 6
    (legend,) = drawn.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *(f"budget {name}" for name in BUDGETS),
        "p < .05 (Holm: 6 pooled, 9 per noise)",
        "p ≥ .05",
    ]


@pytest.mark.parametrize("name", ["differences", "memorisation"])
def test_the_p_values_of_a_figure_are_those_of_the_study_whichever_methods_are_chosen(name: str, tmp_path: Path) -> None:
    settings = {"epochs": 2, "train_size": 100, "device": "cpu", "progress": False}
    methods = ["ce", "repeat", "dlb", "lsr"]
    study = sweep(tmp_path / "study", methods=methods, noise=["symmetric:0.4", "symmetric:0.2"], seeds=3, **settings)
    whole, chosen = study.figure(name), study.figure(name, methods=["DLB", "CE"])
    keys = ["noise", "method", "baseline"]
    columns = [column for column in whole.numbers if column.endswith("p_holm") or column == "tests"]
    assert columns
    held = [drawn.numbers.dropna(subset="baseline").set_index(keys)[columns] for drawn in (whole, chosen)]
    assert {pair[1:] for pair in held[1].index} == {("dlb", "ce")}
    pandas.testing.assert_frame_equal(held[1], held[0].loc[held[1].index])
    for table in (study.compare, study.contrasts):
        shown, all_of_it = table(methods=["dlb", "lsr"]), table()
        # No pair of the study is of these two, so this one is a further test.
        assert {*shown["tests"]} == {each + 1 for each in all_of_it["tests"]}


def test_points_are_filled_if_the_difference_is_significant() -> None:
    rows = results(("ce", "dlb"), ("symmetric",), (0.4, 0.6), seeds=5)
    rows.loc[(rows["method"] == "dlb") & (rows["noise"] == "symmetric:0.4"), "test_accuracy_last"] += 0.3
    drawn = draw_figure("differences", made(rows))
    filled = {
        round(float(line.get_xdata()[0]), 6): line.get_markerfacecolor() != "white"
        for line in drawn.figure.axes[0].lines
        if line.get_marker() == "o"
    }
    wanted = {round(100 * row["difference"], 6): row["p_holm"] < 0.05 for row in drawn.numbers.to_dict("records")}
    assert filled == wanted
    assert set(filled.values()) == {True, False}
    single = drawn.numbers[drawn.numbers["noise"] != POOLED]
    np.testing.assert_allclose(single["p_holm"], compare(rows, contrasts=[("dlb", "ce")])["p_holm"])
    with pytest.raises(ValueError, match="need two methods, and the runs are all of ce"):
        draw_figure("differences", made(results(("ce",))))


# The strength of distillation


def test_doses_are_joined_in_their_order_and_other_methods_stand_alone() -> None:
    drawn = draw_figure("accuracy_against_consistency", made(doses()))
    path = drawn.figure.axes[0].lines[0]
    np.testing.assert_allclose(path.get_xdata(), [0.7, 0.8, 0.85, 0.9, 0.95])
    (legend,) = drawn.figure.legends
    doses_named = ["dlb(alpha=0.0)", "dlb(alpha=0.3)", "DLB", "dlb(alpha=3.0)", "dlb(alpha=10.0)"]
    joined = "means in the order of alpha"
    assert [text.get_text() for text in legend.get_texts()] == [joined, *doses_named, "CE", "repeat"]
    assert drawn.numbers.query("run != 'mean'")["dose"].isna().sum() == 6
    with pytest.raises(ValueError, match="have no consistency_clean"):
        draw_figure("accuracy_against_consistency", made(results()))
    with pytest.raises(ValueError, match="dlb has no option 'beta'; its options are "):
        draw_figure("accuracy_against_consistency", made(doses()), option="beta")
    with pytest.raises(ValueError, match="no run is of method 'elr'"):
        draw_figure("accuracy_against_consistency", made(doses()), method="elr")


def test_a_line_joins_only_doses_that_differ_in_nothing_else() -> None:
    methods = ["dlb", "dlb(alpha=3.0)", "dlb(alpha=5.0)"]
    others = ["dlb(temperature=4.0, alpha=3.0)", "dlb(temperature=4.0, alpha=5.0)", "dlb(on='gce')"]
    rows = results(("ce", *methods, *others), ("symmetric",), (0.4,))
    places = {name: 0.1 * place for place, name in enumerate(("ce", *methods, *others))}
    rows = rows.assign(consistency_clean=rows["method"].map(places), consistency_mislabelled=0.5)
    drawn = draw_figure("accuracy_against_consistency", made(rows))
    lines = [line for line in drawn.figure.axes[0].lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    joined = [[list(places)[round(10 * x)] for x in line.get_xdata()] for line in lines]
    assert joined == [methods, others[:2]]
    names = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert names.count("means in the order of alpha") == 1
    assert len(names) == 8


# The age of targets


def test_what_has_no_age_is_said_to_be_left_out_and_lines_are_numbered_only_if_they_are() -> None:
    rows = results(("ce", "repeat", "dlb", "lsr"), ("symmetric",), (0.2, 0.4, 0.6)).assign(epochs_trained=40)
    drawn = draw_figure("accuracy_against_age", made(rows))
    assert ", 3 of 4 methods" in drawn.caption
    assert "first" not in drawn.caption
    assert "Of methods without a memory of targets, only CE and repeat are drawn." in drawn.caption
    assert "Not shown: lsr." in drawn.caption
    ages = tuple(f"soft_target_memory(age={age}, momentum={m}, repeat=True)" for age in range(2, 12) for m in (0.6, 0.9))
    memory = results(("ce", "repeat", *ages), ("symmetric",), (0.4,)).assign(epochs_trained=40)
    assert "numbered" not in draw_figure("accuracy_against_age", made(memory)).caption, "two lines of the memory"
    many = tuple(f"dlb(alpha={n}.0)" for n in range(30))
    points = results(("ce", *many), ("symmetric",), (0.4,)).assign(epochs_trained=40)
    numbered = draw_figure("accuracy_against_age", made(points))
    assert "lines numbered since looks run out" in numbered.caption
    assert [text.get_text() for text in numbered.figure.axes[0].texts] == [str(n) for n in range(2, 32)]
    named = [text.get_text() for text in numbered.figure.legends[0].get_texts()]
    assert [name.partition("]")[0] for name in named] == [f"[{n}" for n in range(1, 32)]


def test_a_column_has_room_for_two_noises_with_both_measures() -> None:
    rows = results(("ce", "repeat", "dlb"), ("symmetric",), (0, 0.4, 0.6)).assign(epochs_trained=40)
    drawn = draw_figure("accuracy_against_age", made(rows), width="column")
    assert [ax.get_title() for ax in drawn.figure.axes] == ["symmetric:0.4"] * 2 + ["symmetric:0.6"] * 2
    assert_readable(drawn)
    assert "noisy settings" not in drawn.caption


# Cost


def test_accuracy_stands_against_the_images_of_all_networks_or_the_time_if_these_are_equal() -> None:
    rows = results(("ce", "dlb", "coteaching"), ("symmetric",), (0.4,), seeds=5)
    rows["images_total"] = rows["method"].map({"ce": 100.0, "dlb": 100.0, "coteaching": 200.0})
    rows["seconds"] = rows["method"].map({"ce": 1.0, "dlb": 3.0, "coteaching": 2.0})
    drawn = draw_figure("accuracy_against_cost", made(rows))
    (ax,) = drawn.figure.axes
    points = {held.get_label(): held.lines[0].get_xydata()[0] for held in ax.containers}
    means = rows.groupby("method")["test_accuracy_last"].mean()
    np.testing.assert_allclose(points["coteaching"], [200, means["coteaching"]])
    assert all(held.has_yerr for held in ax.containers)
    assert ax.get_xlabel() == "thousand images, all networks"
    equal = draw_figure("accuracy_against_cost", made(rows.assign(images_total=100)))
    assert equal.figure.axes[0].get_xlabel() == "seconds of training"
    grey = "best accuracy up to this cost"
    dear = draw_figure("accuracy_against_cost", made(rows.assign(test_accuracy_last=rows["images_total"] / 1000)))
    assert grey in [text.get_text() for text in dear.figure.legends[0].get_texts()]
    with pytest.raises(ValueError, match="not all runs have images_total; choose another cost, of images_processed"):
        draw_figure("accuracy_against_cost(cost='images_total')", made(results()))


def test_panels_of_different_costs_share_an_axis_that_holds_all_points() -> None:
    rows = results(("ce", "dlb"), ("symmetric",), (0.2, 0.4), seeds=3)
    rows["images_total"] = 100.0
    rows["seconds"] = rows["method"].map({"ce": 1.0, "dlb": 2.0}) * rows["noise"].map({"symmetric:0.2": 3, "symmetric:0.4": 1})
    first, second = draw_figure("accuracy_against_cost", made(rows)).figure.axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_xlim()[1] > 6 > second.dataLim.x1


# Any axis


def test_methods_are_compared_over_the_values_of_any_setting() -> None:
    drawn = READABLE["batch sizes"]()
    assert [tick.get_text() for tick in drawn.figure.axes[0].get_yticklabels()] == ["32", "64", "128"]
    assert len(drawn.numbers) == 9
    assert drawn.figure.axes[0].get_ylabel() == "batch size"
    named = [tick.get_text() for tick in READABLE["many augmentations"]().figure.axes[0].get_yticklabels()]
    assert named == ["none", "auto", "mixup", "cutmix"]
    both = over("batch_size", [32, 64, 64]).assign(epochs=[2] * 18 + [3] * 9)
    with pytest.raises(ValueError, match="the runs differ in epochs, batch_size; choose with axis"):
        draw_figure("axis_comparison", made(both))
    with pytest.raises(ValueError, match=r"differ in batch_size: 32, 64; choose with where"):
        draw_figure("axis_comparison(axis='epochs')", made(both))
    with pytest.raises(ValueError, match="do not differ in any"):
        draw_figure("axis_comparison", made(results()))


def test_a_map_has_every_cell_and_the_other_methods_in_its_title() -> None:
    grid = pandas.concat([options_grid(batch_size=size, comparison_key=str(size)) for size in (64, 32)], ignore_index=True)
    drawn = draw_figure("option_map", made(grid))
    assert [ax.get_title().splitlines()[0] for ax in drawn.figure.axes] == ["batch size 32", "batch size 64"]
    assert all(ax.get_title().splitlines()[1].startswith("CE: ") for ax in drawn.figure.axes)
    assert (drawn.figure.axes[0].get_xlabel(), drawn.figure.axes[0].get_ylabel()) == ("alpha", "temperature")
    cells = drawn.numbers[(drawn.numbers["batch_size"] == 32) & drawn.numbers["alpha"].notna()]
    written = sorted(text.get_text() for text in drawn.figure.axes[0].texts)
    assert written == sorted(share_text(value) for value in cells["test_accuracy_last"])
    assert "; above it, that of other methods, mean ± half of the 95 % interval." in drawn.caption
    alone = draw_figure("option_map", made(options_grid().query("seed == 0").reset_index(drop=True)))
    assert "±" not in alone.caption
    turned = draw_figure("option_map", made(options_grid()), down="alpha", right="temperature")
    assert turned.figure.axes[0].get_ylabel() == "alpha"
    # CE for longer stands beside DLB, and says that it is.
    longer = results(("ce",), ("symmetric",), (0.4,)).assign(epochs=80, comparison_key="longer")
    beside = draw_figure("option_map", made(pandas.concat([options_grid(), longer], ignore_index=True)))
    assert [line.split(":")[0] for line in beside.figure.axes[0].get_title().splitlines()] == ["CE", "CE, epochs 80"]
    assert option_heatmap(cells, "alpha", "temperature", ax=plt.gca()) is plt.gca()


def test_a_map_that_is_not_over_two_options_is_refused() -> None:
    with pytest.raises(ValueError, match="of dlb's options none vary"):
        draw_figure("option_map", made(results()))
    with pytest.raises(ValueError, match="options temperature, alpha vary; got alpha and two_forward"):
        draw_figure("option_map", made(options_grid()), down="alpha", right="two_forward")
    third = results(("dlb(temperature=1.0, alpha=0.3, two_forward=True)",), ("symmetric",), (0.4,))
    both = made(pandas.concat([options_grid(), third], ignore_index=True))
    with pytest.raises(ValueError, match="choose with down and right"):
        draw_figure("option_map", both)
    with pytest.raises(ValueError, match="several runs of dlb have the same temperature and alpha"):
        draw_figure("option_map", both, down="temperature", right="alpha")


# What cannot be drawn, and what is written


def test_runs_of_different_settings_are_not_drawn_together() -> None:
    for name in ("noise_robustness", "method_ranks", "memorisation", "transition_matrix"):
        with pytest.raises(ValueError, match=r"runs differ in batch_size: 32, 64; choose with where=\{'batch_size': 64\}"):
            draw_figure(name, made(over("batch_size", [32, 64]), metrics()))
    with pytest.raises(ValueError, match="occurs twice"):
        draw_figure("noise_robustness", made(pandas.concat([results(), results().iloc[:1]])))


def test_what_has_nothing_to_show_says_why() -> None:
    for name in ("memorisation", "mislabelled_predictions"):
        with pytest.raises(ValueError, match="no sample is mislabelled under symmetric:0"):
            draw_figure(name, made(results(rates=(0,)), metrics()))
        unrecorded = made(results(), metrics(noises=("symmetric:0.4", "asymmetric:0.4")).assign(mislabelled_memorised=np.nan))
        with pytest.raises(
            ValueError, match=r"no single samples are recorded .* because the images were mixed; run with record='eval'"
        ):
            draw_figure(name, unrecorded)
    with pytest.raises(ValueError, match="under no noise do all methods share a seed"):
        draw_figure("method_ranks", made(results(("ce", "dlb"), ("symmetric",), (0.4,), seeds=2).iloc[[0, 3]]))


@pytest.mark.parametrize("width", ["half", 1, 31, True])
def test_a_width_is_a_name_or_inches(width: Any) -> None:
    with pytest.raises(ValueError, match="width must be "):
        draw_figure("noise_robustness", made(results()), width=width)
    assert draw_figure("noise_robustness", made(results()), width=5.5).figure.get_figwidth() == inches(5.5) == 5.5


def test_a_saved_figure_is_its_files_and_numbers_that_depend_on_the_numbers_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        drawn = robustness()
        assert not plt.get_fignums()
        paths = drawn.save(tmp_path / name / "rates.0.4", formats=("png", "pdf", "svg"))
        assert [path.name for path in paths] == [f"rates.0.4.{kind}" for kind in ("png", "pdf", "svg", "tex", "csv")]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    pandas.testing.assert_frame_equal(pandas.read_csv(tmp_path / "one" / "rates.0.4.csv"), drawn.numbers)
    assert [path.name for path in drawn.save(tmp_path / "one.png")] == ["one.png", "one.tex", "one.csv"]
    assert drawn._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="formats must be of pdf, png, svg, pgf, got gif"):
        drawn.save(tmp_path / "three", formats=("gif",))
    assert not list(tmp_path.glob("three*"))


def test_the_style_holds_inside_with_alone() -> None:
    before = mpl.rcParams["font.size"]
    with paper_style():
        assert mpl.rcParams["font.size"] == 8
    assert mpl.rcParams["font.size"] == before


def test_lines_of_one_figure_differ_whatever_their_order() -> None:
    methods = ["gce@learning_rate=0.01", "elr", "elr@learning_rate=0.02,weight_decay=0.001", "gce", "coteaching", "dlb"]
    for held in (looks(methods), looks(methods[::-1])):
        assert len({str((look["color"], look["linestyle"])) for look in held.values()}) == len(methods)
        assert len({look["marker"] for look in held.values()}) == len(methods)


def test_drops_of_the_learning_rate_are_those_of_all_runs_or_none() -> None:
    rates = {"long": [1.0, 1.0, 0.1, 0.1], "short": [1.0, 0.1]}
    runs = {
        name: pandas.DataFrame({"run": name, "epoch": range(len(held)), "learning_rate": held}) for name, held in rates.items()
    }
    assert learning_rate_drops(runs["long"]) == [2]
    assert learning_rate_drops(pandas.concat([runs["long"], runs["long"].assign(run="again")])) == [2]
    # One line cannot stand for runs of different lengths.
    assert learning_rate_drops(pandas.concat(runs.values())) == []


@pytest.mark.parametrize("name", ["differences", "axis_comparison", "noise_robustness", "method_ranks"])
def test_a_caption_says_that_runs_which_share_seeds_are_not_independent(name: str) -> None:
    own = results(kinds=("symmetric",), rates=(0.4,), seeds=4)
    crossed = pandas.concat([own.assign(noise_seed=seed, id=own["id"] + str(seed)) for seed in range(4)], ignore_index=True)
    if name == "axis_comparison":
        own, crossed = (
            pandas.concat([rows.assign(batch_size=size, comparison_key=size, id=rows["id"] + str(size)) for size in ("a", "b")])
            for rows in (own, crossed)
        )
    alone, shared = (draw_figure(name, made(rows.reset_index(drop=True))).caption for rows in (own, crossed))
    assert "4 seeds" in alone
    assert DEPENDENT not in alone
    assert "16 pairs of seeds" in shared
    assert DEPENDENT in shared
