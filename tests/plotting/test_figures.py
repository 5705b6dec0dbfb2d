"""Figures: axes in, axes out; the same method looks the same everywhere; nothing is drawn over a text."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from readable import assert_readable

from noisylab.analysis.tables import over_epochs, summarise
from noisylab.plotting.catalogue import ranks_of, robustness_of, story_of
from noisylab.plotting.memorisation import PANELS, curves, story_figure
from noisylab.plotting.noise_robustness import accuracy_against_rate, robustness_figure
from noisylab.plotting.style import method_styles, paper_style, save_figure

LONG = ("ce", "repeat", "dlb", "dlb(temperature=4.0, alpha=3.0)", "dlb(temperature=1.0, alpha=0.25)")


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before, "a figure left the settings of matplotlib changed"


def results(
    methods: tuple[str, ...] = ("ce", "repeat", "dlb"),
    kinds: tuple[str, ...] = ("symmetric", "asymmetric"),
    rates: tuple[float, ...] = (0, 0.2, 0.4),
    seeds: int = 3,
) -> pandas.DataFrame:
    """Rows as in results.csv."""
    rng = np.random.default_rng(0)
    rows = []
    for kind, rate, method, seed in itertools.product(kinds, rates, methods, range(seeds)):
        if rate == 0 and kind != kinds[0]:
            continue
        accuracy = 0.95 - 0.4 * rate + 0.02 * rng.random()
        rows.append(
            {
                "id": f"{method}-{kind}-{rate}-{seed}",
                "data": "digits",
                "train_size": 1347,
                "model": "small_cnn",
                "method": method,
                "noise": f"{kind}:{rate:g}",
                "noise_kind": kind,
                "nominal_rate": rate,
                "realised_rate": rate,
                "seed": seed,
                "noise_seed": seed,
                "epochs": 40,
                "budget": "40 epochs",
                "batch_size": 64,
                "record": "online",
                "settings": "",
                "test_accuracy_last": accuracy,
                "test_accuracy_last10": accuracy,
                "memorised": rate,
                "images_processed": 53880 if method == "ce" else 107757,
                "steps": 880,
            }
        )
    return pandas.DataFrame(rows)


def metrics(methods: tuple[str, ...] = ("ce", "repeat", "dlb"), seeds: int = 3, epochs: int = 12) -> pandas.DataFrame:
    """Rows as in metrics.csv, of all runs."""
    rng = np.random.default_rng(0)
    rows = [
        {"run": f"{method}-{seed}", "method": method, "epoch": epoch, "images": 1347}
        | {"learning_rate": 0.05 if epoch < 8 else 0.005}
        | {measure: float(rng.random()) for measure in PANELS}
        for method, seed, epoch in itertools.product(methods, range(seeds), range(epochs))
    ]
    return pandas.DataFrame(rows)


AXES_LEVEL: dict[str, Callable[..., Axes]] = {
    "accuracy_against_rate": lambda **kwargs: accuracy_against_rate(summarise(results(kinds=("symmetric",))), **kwargs),
    "curves": lambda **kwargs: curves(over_epochs(metrics(), ["test_accuracy"]), "test_accuracy", **kwargs),
}


@pytest.mark.parametrize("name", AXES_LEVEL)
def test_an_axes_function_draws_into_the_given_axes_alone(name: str) -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert AXES_LEVEL[name](ax=left) is left
    assert len(left.lines) == 3
    assert not right.has_data()
    assert plt.gca() is right
    assert left.get_legend() is None


@pytest.mark.parametrize("name", AXES_LEVEL)
def test_an_axes_function_without_axes_takes_the_current_ones(name: str) -> None:
    _, ax = plt.subplots()
    assert AXES_LEVEL[name]() is ax


@pytest.mark.parametrize("name", AXES_LEVEL)
def test_an_axes_function_hands_its_keywords_to_the_lines(name: str) -> None:
    _, ax = plt.subplots()
    AXES_LEVEL[name](ax=ax, linewidth=7, color="red")
    assert {line.get_linewidth() for line in ax.lines} == {7}
    assert {line.get_color() for line in ax.lines} == {"red"}


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


def test_a_method_looks_the_same_in_both_figures_whoever_else_is_there() -> None:
    def looks(figure: Figure) -> dict[str, tuple[object, ...]]:
        lines = figure.axes[0].lines
        return {str(line.get_label()): (line.get_color(), line.get_linestyle()) for line in lines}

    both = looks(robustness_figure(summarise(results(LONG)))[0])
    alone = looks(robustness_figure(summarise(results(LONG[2:4])))[0])
    story = looks(story_figure(metrics(LONG))[0])
    assert {name: story[name] for name in both} == both
    assert {name: both[name] for name in alone} == alone


def test_the_three_methods_of_every_comparison_differ_in_colour_line_and_marker() -> None:
    styles = [method_styles([])[method] for method in ("ce", "repeat", "dlb")]
    for key in ("color", "linestyle", "marker"):
        assert len({style[key] for style in styles}) == 3


@pytest.mark.parametrize("methods", [("ce",), ("ce", "repeat", "dlb"), LONG], ids=len)
@pytest.mark.parametrize(
    "kinds", [("symmetric",), ("symmetric", "asymmetric"), ("symmetric", "asymmetric", "pair_flip")], ids=len
)
def test_the_robustness_figure_is_readable(methods: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    figure, _ = robustness_of(results(methods, kinds, (0, 0.2, 0.4, 0.6), seeds=1 if len(kinds) == 1 else 3))
    assert sorted(ax.get_title() for ax in figure.axes) == sorted(kinds)
    assert_readable(figure)


@pytest.mark.parametrize("rates", [(0,), (0.4,), (0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5)], ids=len)
def test_the_robustness_figure_is_readable_for_few_and_many_rates(rates: tuple[float, ...]) -> None:
    assert_readable(robustness_of(results(rates=rates))[0])


def test_the_robustness_figure_is_readable_for_a_long_noise_name() -> None:
    kinds = ("symmetric(include_true=True, sampling='iid')", "asymmetric(sampling='exact')")
    assert_readable(robustness_of(results(kinds=kinds))[0])


@pytest.mark.parametrize("methods", [("ce",), ("ce", "repeat", "dlb"), LONG], ids=len)
@pytest.mark.parametrize(("seeds", "epochs"), [(1, 1), (1, 12), (3, 100)])
def test_the_story_figure_is_readable(methods: tuple[str, ...], seeds: int, epochs: int) -> None:
    title = "digits, small_cnn, 40 epochs, symmetric:0.6 (online records; mean over 3 seeds, band: 95 % interval)"
    figure, numbers = story_figure(metrics(methods, seeds, epochs), title)
    assert len(numbers) == len(methods) * epochs
    assert_readable(figure)


@pytest.mark.parametrize("count", [2, 5, 28])
@pytest.mark.parametrize("noises", [1, 2, 4])
def test_the_rank_plot_is_readable_and_has_the_best_on_top(count: int, noises: int) -> None:
    methods = ("ce", "repeat", "dlb", *(f"method_number_{n}" for n in range(count)))[:count]
    rows = results(methods, ("symmetric",), (0, 0.2, 0.4, 0.6)[:noises])
    drawn = ranks_of(rows)
    assert drawn is not None
    assert_readable(drawn[0])
    for ax, (_, ranks) in zip(drawn[0].axes, drawn[1].groupby("noise", sort=False), strict=True):
        top = ax.get_yticklabels()[-1].get_text().lower()
        assert ranks.set_index("method")["rank"][top] == ranks["rank"].min()


def test_there_are_no_ranks_without_a_seed_that_all_methods_have() -> None:
    rows = results(("ce", "dlb"), ("symmetric",), (0.4,), seeds=2)
    assert ranks_of(rows.iloc[[0, 3]]) is None


def test_drops_of_the_learning_rate_are_marked() -> None:
    figure, _ = story_figure(metrics())
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [8.5]


def test_runs_without_noise_stand_in_every_panel() -> None:
    figure, numbers = robustness_figure(summarise(results()))
    for ax, (_, rows) in zip(figure.axes, numbers.groupby("panel", sort=False), strict=True):
        assert sorted(rows["nominal_rate"].unique()) == [0, 0.2, 0.4]
        assert {line.get_xdata()[0] for line in ax.lines} == {0}


def test_the_numbers_of_the_robustness_figure_are_those_of_the_summary() -> None:
    summary = summarise(results(kinds=("symmetric",)))
    _, numbers = robustness_figure(summary)
    pandas.testing.assert_frame_equal(numbers.drop(columns="panel"), summary)


def test_every_legend_states_how_many_images_a_run_processed() -> None:
    for figure in (robustness_figure(summarise(results()))[0], story_figure(metrics())[0]):
        (legend,) = figure.legends
        entries = [text.get_text() for text in legend.get_texts()]
        assert [entry.split(":")[0] for entry in entries] == ["CE", "repeat", "DLB"]
        assert all(entry.endswith("images") for entry in entries)


def test_runs_of_different_models_or_data_are_not_drawn_together() -> None:
    mixed = results()
    mixed.loc[0, "settings"] = "other"
    with pytest.raises(ValueError, match="differ in more than method, noise and seeds"):
        robustness_of(mixed)
    with pytest.raises(ValueError, match="stands there twice"):
        robustness_of(pandas.concat([results(), results().iloc[:1]]))


def test_there_is_no_story_of_samples_that_are_all_clean(tmp_path: Path) -> None:
    assert story_of(results(rates=(0,)), tmp_path) is None


def test_a_saved_figure_is_three_files_that_depend_on_the_numbers_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        figure, numbers = robustness_of(results())
        paths = save_figure(figure, tmp_path / name / "figure", numbers)
        assert [path.name for path in paths] == ["figure.png", "figure.pdf", "figure.csv"]
        assert not plt.fignum_exists(figure.number)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    read = pandas.read_csv(tmp_path / "one" / "figure.csv")
    pandas.testing.assert_frame_equal(read, numbers)


def test_the_style_holds_inside_with_alone() -> None:
    before = mpl.rcParams["font.size"]
    with paper_style():
        assert mpl.rcParams["font.size"] == 8
    assert mpl.rcParams["font.size"] == before
