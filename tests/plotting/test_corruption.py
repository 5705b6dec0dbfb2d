"""Corruptions in pictures."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from noisylab.corruption import asymmetric, compose, from_pair, open_set, symmetric
from noisylab.plotting.corruption import corruption_figure, example, examples_figure, rate_per_class, transition_heatmap

mpl.use("Agg")
NOISY = asymmetric(np.arange(200) % 10, 0.4, "cifar10")


@pytest.fixture(autouse=True)
def close_figures() -> None:
    plt.close("all")


def test_a_heat_map_writes_the_shares_that_are_not_zero() -> None:
    _, ax = plt.subplots()
    assert NOISY.transition is not None
    assert transition_heatmap(NOISY.transition, ax=ax, cmap="Greens") is ax
    assert sorted(text.get_text() for text in ax.texts) == sorted([".400"] * 5 + [".600"] * 5 + ["1"] * 5)
    assert not list(transition_heatmap(np.eye(100), ax=plt.subplots()[1]).texts)


def test_bars_are_the_rates_of_the_classes() -> None:
    ax = rate_per_class(NOISY)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0, 0, 0.4, 0.4, 0.4, 0.4, 0, 0, 0, 0.4])


def test_captions_name_true_and_given() -> None:
    assert example(np.zeros((3, 4, 4)), "cat", "dog", ax=plt.gca()).get_title() == "cat\n→ dog"
    names = [f"class {c}" for c in range(10)]
    figure = examples_figure(NOISY, np.zeros((200, 1, 8, 8), np.uint8), names=names, rows=2, columns=3).figure
    assert {ax.get_title() for ax in figure.axes} <= {
        f"class {true}\n→ class {wrong}" for true, wrong in {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}.items()
    }
    clean = examples_figure(symmetric(np.arange(4), 0), np.zeros((4, 1, 8, 8), np.uint8)).figure
    assert not any(ax.images for ax in clean.axes)


def test_outside_images_are_called_so() -> None:
    figure = examples_figure(open_set(np.arange(8) % 2, 1, 5), np.zeros((8, 3, 4, 4), np.uint8), rows=1, columns=2).figure
    assert figure.axes[0].get_title().startswith("outside")


def test_replaced_images_have_a_colour_and_a_column_of_their_own() -> None:
    noisy = open_set(np.arange(1000) % 2, 0.4, 5, open_share=0.75)
    drawn = corruption_figure(noisy)
    figure, numbers = drawn.figure, drawn.numbers
    assert [ax.get_title() for ax in figure.axes] == ["asked for", "realised", "rate per class"]
    for name in ("asked_for", "realised"):
        matrix = numbers.pivot(index="true", columns="given", values=name).to_numpy()
        assert matrix == pytest.approx(np.array([[0.6, 0.1, 0.3], [0.1, 0.6, 0.3]]), abs=0.003)
    assert [tick.get_text() for tick in figure.axes[1].get_xticklabels()] == ["0", "1", "image replaced"]
    assert [bar.get_height() for bar in figure.axes[2].patches] == pytest.approx([0.1, 0.1, 0.3, 0.3], abs=0.003)
    more = compose(noisy, symmetric(noisy.given, 0.2, seed=1))
    assert [ax.get_title() for ax in corruption_figure(more).figure.axes] == ["realised", "rate per class"]


def test_long_names_are_shortened_and_never_below_6_points() -> None:
    _, (short, long) = plt.subplots(1, 2)
    example(np.zeros((3, 4, 4)), "cat", "dog", ax=short)
    example(np.zeros((3, 4, 4)), "large_omnivores_and_herbivores", "$x$", ax=long)
    assert short.get_title() == "cat\n→ dog"
    assert long.get_title() == "large_omnivores_…\n→ \\$x\\$"
    assert long.title.get_fontsize() >= 6


def test_the_figure_shows_what_was_asked_where_that_is_known() -> None:
    drawn = corruption_figure(NOISY)
    figure, numbers = drawn.figure, drawn.numbers
    assert [ax.get_title() for ax in figure.axes] == ["asked for", "realised", "rate per class"]
    assert numbers["samples"].sum() == 200
    figure = corruption_figure(from_pair([0, 1, 1], [0, 1, 0])).figure
    assert [ax.get_title() for ax in figure.axes] == ["realised", "rate per class"]


def test_shares_are_written_in_three_decimals_all_of_them() -> None:
    noisy = symmetric(np.arange(1000) % 10, 0.4)
    assert noisy.transition is not None
    assert {text.get_text() for text in transition_heatmap(noisy.transition).texts} == {".600", ".044"}
    texts = [
        text.get_text() for text in transition_heatmap(np.array([[0.9, 0.1], [0.0004, 0.9996]]), ax=plt.figure().gca()).texts
    ]
    assert texts == [".900", ".100", ".999"]


def test_the_title_says_that_replaced_images_are_not_in_the_matrix() -> None:
    figure = corruption_figure(open_set(np.arange(1000) % 2, 0.4, 5, open_share=0.75), title="open set").figure
    said = figure.get_suptitle().replace("\n", " ")
    assert said == "open set; replaced images (asked for: 0.3) are not in T, but in a column of their own"
    assert "replaced" not in corruption_figure(NOISY).figure.get_suptitle()


def test_the_place_of_an_unknown_outside_image_is_empty() -> None:
    noisy, images = open_set(np.arange(8) % 2, 1, 5), np.zeros((8, 3, 4, 4), np.uint8)
    ax = examples_figure(noisy, images, rows=1, columns=2, outside_known=False).figure.axes[0]
    assert ax.get_title().startswith("outside")
    assert [text.get_text() for text in ax.texts] == ["?"]
    assert not examples_figure(noisy, images, rows=1, columns=2).figure.axes[0].texts
