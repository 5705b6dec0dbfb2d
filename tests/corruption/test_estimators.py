"""Transition matrices estimated from labels and predictions, and the diagnostics of a corruption."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisylab.corruption import (
    anchor_points,
    asymmetric,
    confident_joint,
    confident_transition,
    diagnose,
    empirical_transition,
    from_pair,
    pair_flip,
    symmetric,
)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 8), st.integers(20, 200), st.integers(0, 10_000), st.floats(0.05, 2))
def test_the_confident_joint_is_that_of_cleanlab(classes: int, n: int, seed: int, sharpness: float) -> None:
    count = pytest.importorskip("cleanlab.count")
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, sharpness), n)
    given = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    for calibrate in (False, True):
        # There rows are given labels.
        theirs = count.compute_confident_joint(given, p, calibrate=calibrate).T
        ours = confident_joint(given, p, calibrate=calibrate)
        # cleanlab rounds its calibrated counts to whole numbers.
        assert np.abs(ours - theirs).max() < (1 + 1e-12 if calibrate else 1e-12)


def test_the_matrix_is_recovered_from_the_true_posteriors() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(4, size=20_000)
    noisy = pair_flip(true, 0.3)
    assert noisy.transition is not None
    assert np.abs(empirical_transition(true, noisy.labels) - noisy.transition).max() < 1e-3
    soft = np.eye(4)[true] * 0.98 + 0.005
    p = soft @ noisy.transition
    assert np.abs(anchor_points(p) - noisy.transition).max() < 0.02
    assert np.abs(anchor_points(p, percentile=97) - noisy.transition).max() < 0.02
    assert np.abs(confident_transition(noisy.labels, p) - noisy.transition).max() < 0.31
    assert np.allclose(confident_transition(noisy.labels, p).sum(axis=1), 1)


def test_the_97th_percentile_is_not_misled_by_one_outlier() -> None:
    p = np.tile([[0.7, 0.3], [0.2, 0.8]], (100, 1))
    p[0] = [0.99, 0.01]
    assert anchor_points(p)[0].tolist() == [0.99, 0.01]
    assert anchor_points(p, percentile=97)[0].tolist() == [0.7, 0.3]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="none of class 1"):
        confident_joint([0, 0], [[0.5, 0.5], [1, 0]])
    with pytest.raises(ValueError, match="percentile must be a number"):
        anchor_points([[0.5, 0.5]], percentile=0)
    with pytest.raises(ValueError, match=r"must have shape \(2, classes\), got \(1, 2\)"):
        confident_joint([0, 1], [[0.5, 0.5]])


def test_an_absent_class_keeps_its_label() -> None:
    assert empirical_transition([0, 0], [0, 2], 3).tolist() == [[0.5, 0, 0.5], [0, 1, 0], [0, 0, 1]]


def test_diagnostics_of_a_draw_from_its_own_matrix() -> None:
    noisy = symmetric(np.arange(20_000) % 10, 0.4, sampling="iid")
    found = diagnose(noisy)
    assert found.expected_rate == pytest.approx(0.4)
    assert found.rate_spread == pytest.approx(math.sqrt(0.24 / 20_000))
    assert abs(found.rate - 0.4) < 4 * found.rate_spread
    assert 1e-4 < found.p_value < 1 - 1e-6
    assert found.dominance == pytest.approx(0.6 - 0.4 / 9)
    assert found.learnable
    assert found.never_given == ()


def test_p_values_are_uniform_over_seeds() -> None:
    p = [diagnose(symmetric(np.arange(2000) % 5, 0.4, sampling="iid", seed=s)).p_value for s in range(200)]
    assert 0.4 < np.mean(p) < 0.6
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.06)


def test_labels_from_another_matrix_have_a_small_p_value() -> None:
    from dataclasses import replace

    noisy = symmetric(np.arange(20_000) % 10, 0.4, sampling="iid")
    other = replace(noisy, transition=symmetric(np.arange(10), 0.35).transition)
    assert diagnose(other).p_value < 1e-6
    impossible = replace(noisy, transition=pair_flip(np.arange(10), 0.4).transition)
    assert diagnose(impossible).p_value == 0


def test_what_cannot_be_learned_is_said() -> None:
    assert not diagnose(pair_flip(np.arange(100) % 10, 0.6)).learnable
    assert diagnose(from_pair([0, 1], [1, 1])).never_given == (0,)
    assert math.isinf(diagnose(asymmetric([0, 1] * 10, 1, {0: 1})).condition)
    assert math.isnan(diagnose(from_pair([0, 1], [1, 1])).p_value)
