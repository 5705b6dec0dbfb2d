"""Labels and classes by name."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from noisylab.core.registries import NOISES
from noisylab.corruption import (
    NoisyLabels,
    asymmetric,
    compose,
    from_pair,
    long_tailed,
    realism_controls,
    restrict,
    symmetric,
)

NAMES = ("bird", "cat", "dog")
NUMBERS = np.arange(300) % 3
WORDS = [NAMES[number] for number in NUMBERS]


@pytest.mark.parametrize(
    "labels", [WORDS, np.array(WORDS), np.array(WORDS, object), pandas.Series(WORDS), pandas.Categorical(WORDS)]
)
def test_names_are_numbered_in_their_order(labels: object) -> None:
    noisy = symmetric(labels, 0.4)  # type: ignore[arg-type]
    assert noisy.class_names == NAMES
    assert np.array_equal(noisy.given, symmetric(NUMBERS, 0.4).given)
    assert np.array_equal(noisy.true, NUMBERS)


def test_names_that_are_numbers_are_in_the_order_of_numbers_and_booleans_are_names() -> None:
    assert symmetric(["10", "9", "2"] * 10, 0.4).class_names == ("2", "9", "10")
    assert symmetric([True, False] * 10, 0.4).class_names == ("False", "True")
    assert symmetric(pandas.Categorical([4, 0, 1, 2, 3] * 4), 0.4).class_names is None


def test_classes_can_be_named_wherever_they_can_be_numbered() -> None:
    by_name = asymmetric(WORDS, 0.4, {"cat": "dog"})
    by_number = asymmetric(NUMBERS, 0.4, {1: 2})
    assert np.array_equal(by_name.given, by_number.given)
    assert by_name.parameters == by_number.parameters
    assert asymmetric(NUMBERS, 0.4, {"cat": "dog"}, class_names=NAMES) == by_name  # type: ignore[call-arg]
    some = restrict(symmetric(WORDS, 0.4), ["cat"])
    assert some.parameters["classes"] == [1]
    assert restrict("symmetric:0.4", ["cat"], WORDS) == some
    text = "on_classes(noise=\"asymmetric(rate=0.4, mapping={'cat': 'dog'})\", classes=['cat'])"
    assert NOISES.create(text, labels=NUMBERS, class_names=NAMES).rate == pytest.approx(by_name.rate)
    with pytest.raises(ValueError, match="'lion' is not a class; the classes are bird, cat, dog"):
        asymmetric(WORDS, 0.4, {"cat": "lion"})
    with pytest.raises(ValueError, match="'lion' is not a class"):
        restrict(symmetric(WORDS, 0.4), ["lion"])
    with pytest.raises(ValueError, match="num_classes must be 3, the number of class names, got 5"):
        symmetric(WORDS, 0.4, 5)


def test_records_made_of_others_keep_the_names() -> None:
    first = symmetric(WORDS, 0.4)
    for made in (
        compose(first, "pair_flip:0.2"),
        compose("symmetric:0.4", "pair_flip:0.2", WORDS),
        restrict(first, [0]),
        long_tailed(WORDS, 0.1, "symmetric:0.4"),
        *realism_controls(first).values(),
    ):
        assert made.class_names == NAMES
    assert from_pair(["a", "b"], ["a", "c"]).class_names == ("a", "b", "c")


def test_names_are_saved_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = symmetric(WORDS, 0.4)
    noisy.save(tmp_path / "noise.npz")
    assert NoisyLabels.load(tmp_path / "noise.npz") == noisy
    assert NoisyLabels.load(tmp_path / "noise.npz").class_names == NAMES
    noisy.report()
    assert "      bird " in capsys.readouterr().out


def test_a_wrapped_data_set_may_have_its_labels_by_name() -> None:
    noisy = symmetric(WORDS, 0.4)
    wrapped = noisy.wrap([(place, word) for place, word in enumerate(WORDS)])
    assert [wrapped[place][1] for place in range(300)] == noisy.given.tolist()
