"""A record is what it says, whoever makes it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisylab.corruption import (
    NoisyLabels,
    compose,
    diagnose,
    from_file,
    from_pair,
    long_tailed,
    open_set,
    pair_flip,
    realism_controls,
    restrict,
    symmetric,
)

LABELS = np.arange(600) % 3
SKEWED = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.5, 0.0, 0.5]])


def test_noise_after_noise_with_the_same_seed_is_refused() -> None:
    first = symmetric(LABELS, 0.5)
    with pytest.raises(ValueError, match=r"another seed than first.*both have 0"):
        compose(first, symmetric(first.given, 0.5))
    both = compose(first, symmetric(first.given, 0.5, seed=1))
    assert (both.parameters["first"]["seed"], both.parameters["second"]["seed"]) == (0, 1)
    assert both.parameters["second"]["rate"] == 0.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transition": SKEWED.T}, "rows must sum to 1"),
        ({"transition": np.eye(4)}, "transition must be 3 x 3"),
        ({"positions": np.full(600, -5)}, "positions must be integers of at least 0"),
        ({"replaced_by": np.full(600, 0.5)}, "replaced_by must be integers"),
        ({"flip_probability": np.full(600, np.nan)}, r"flip_probability must be in \[0, 1\]"),
    ],
)
def test_a_record_of_what_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NoisyLabels(LABELS, LABELS, 3, "own", 0.0, 0, **changes)


def test_noise_on_classes_of_classes_is_on_those_in_both() -> None:
    noisy = restrict(restrict(symmetric(LABELS, 0.5), [0, 1]), [1, 2])
    assert noisy.parameters["classes"] == [1]
    assert set(noisy.true[noisy.mislabelled]) == {1}


def test_controls_keep_the_samples_and_replaced_images_have_none() -> None:
    tailed = long_tailed(LABELS, 0.1, "symmetric:0.4", num_classes=3)
    for control in realism_controls(tailed).values():
        assert control.positions is not None
        assert np.array_equal(control.positions, tailed.positions)
        assert control.wrap([(i, int(c)) for i, c in enumerate(LABELS)])[0][2] == 0
    with pytest.raises(ValueError, match="replaces images"):
        realism_controls(open_set(LABELS, 0.4, 50))


def test_parameters_of_any_plain_kind_are_saved(tmp_path: Path) -> None:
    np.save(tmp_path / "given.npy", pair_flip(LABELS, 0.3).given)
    for number, noisy in enumerate(
        [from_file(LABELS, tmp_path / "given.npy"), from_pair(LABELS, LABELS, annotator=np.int64(3))]  # type: ignore[arg-type]
    ):
        noisy.save(tmp_path / f"{number}.npz")
        assert NoisyLabels.load(tmp_path / f"{number}.npz") == noisy


@pytest.mark.parametrize(("classes", "each", "rate"), [(100, 100, 0.02), (100, 50, 0.4), (10, 40, 0.05)])
def test_p_values_are_not_small_by_chance_where_samples_are_few(classes: int, each: int, rate: float) -> None:
    labels = np.repeat(np.arange(classes), each)
    p = [diagnose(symmetric(labels, rate, classes, sampling="iid", seed=seed)).p_value for seed in range(80)]
    assert np.mean(np.array(p) < 0.05) < 0.13
    assert np.mean(np.array(p) < 0.001) < 0.03
