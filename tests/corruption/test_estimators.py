"""Transition matrices estimated from labels and predictions, and the diagnostics of a corruption."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisylab.corruption import (
    NoisyLabels,
    anchor_points,
    asymmetric,
    compose,
    confident_joint,
    confident_transition,
    diagnose,
    empirical_transition,
    from_pair,
    from_transition,
    instance,
    margin,
    open_set,
    pair_flip,
    preset,
    restrict,
    symmetric,
)


@settings(max_examples=50)
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


def test_the_calibrated_joint_is_what_cleanlab_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    count = pytest.importorskip("cleanlab.count")
    monkeypatch.setattr(count, "round_preserving_row_totals", lambda joint: joint)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        true = rng.integers(6, size=997)
        given = symmetric(true, 0.3, seed=seed).given
        p = 0.5 * np.eye(6)[true] * rng.random((997, 1)) + 0.1
        p = p / p.sum(axis=1, keepdims=True) * 0.7 + 0.3 * rng.dirichlet(np.ones(6), 997)
        # Some samples are of no class for certain, so that there is something to calibrate.
        assert confident_joint(given, p, calibrate=False).sum() < 900
        theirs = count.compute_confident_joint(given, p, calibrate=True)
        assert np.allclose(confident_joint(given, p), theirs.T, rtol=1e-9)


def test_the_matrix_is_recovered_from_the_true_posteriors() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(4, size=20_000)
    noisy = pair_flip(true, 0.3)
    assert noisy.transition is not None
    assert np.abs(empirical_transition(true, noisy.given) - noisy.transition).max() < 1e-3
    soft = np.eye(4)[true] * 0.98 + 0.02 * rng.dirichlet(np.full(4, 5.0), len(true))
    p = soft @ noisy.transition
    assert np.abs(anchor_points(p) - noisy.transition).max() < 0.02
    assert np.abs(anchor_points(p, percentile=97) - noisy.transition).max() < 0.02
    assert np.abs(confident_transition(noisy.given, p) - noisy.transition).max() < 0.02
    assert np.allclose(confident_transition(noisy.given, p).sum(axis=1), 1)


def test_the_97th_percentile_is_not_misled_by_one_outlier() -> None:
    first = np.linspace(0, 0.7, 200)
    first[17] = 0.99
    p = np.stack([first, 1 - first], axis=1)
    assert anchor_points(p)[0].tolist() == pytest.approx([0.99, 0.01])
    # At position .97 * 199 = 193.03 of the sorted values lies the 195th; Patrini's code drops it too and takes the 194th.
    expected = np.sort(first)[193]
    assert anchor_points(p, percentile=97)[0].tolist() == pytest.approx([expected, 1 - expected])


@given(st.integers(2, 5), st.integers(1, 80), st.integers(0, 1000), st.sampled_from([50, 90, 97, 100]))
def test_anchor_points_are_those_of_the_public_code(classes: int, n: int, seed: int, percentile: float) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(classes), n)
    found = anchor_points(p, percentile=percentile)
    for i in range(classes):
        # As there, but on a copy: theirs overwrites the probabilities that later classes read.
        column = p[:, i].copy()
        column[column >= np.percentile(column, percentile, method="higher")] = 0
        best = column.argmax() if column.any() else p[:, i].argmax()
        assert found[i] == pytest.approx(p[best], abs=1e-12)


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


def test_dominance_is_that_of_the_weakest_class() -> None:
    noisy = from_transition([0, 1, 2] * 10, [[0.9, 0.1, 0], [0.3, 0.5, 0.2], [0, 0, 1]])
    assert diagnose(noisy).dominance == pytest.approx(0.2)
    assert diagnose(from_transition([0, 2] * 10, noisy.transition, 3)).dominance == pytest.approx(0.8)  # type: ignore[arg-type]


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


def expected_and_spread(noisy: NoisyLabels) -> tuple[float, float]:
    found = diagnose(noisy)
    return found.expected_rate, found.rate_spread


SKEWED = np.repeat(np.arange(10), np.arange(100, 50, -5))
FEATURES = np.random.default_rng(0).normal(size=(len(SKEWED), 5))
POSTERIORS = np.random.default_rng(1).dirichlet(np.ones(10), len(SKEWED))


MANY = np.repeat(np.arange(60), np.random.default_rng(0).integers(1, 4, 60))
FEATURES_OF_MANY = np.random.default_rng(2).normal(size=(len(MANY), 2))
UNEQUAL = np.diag(1 - np.linspace(0.03, 0.3, 10)) + np.diag(np.linspace(0.03, 0.27, 9), 1)
UNEQUAL[9, 0] = 0.3


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: symmetric(SKEWED, 0.4, sampling="iid", seed=seed),
        lambda seed: instance(SKEWED, 0.2, FEATURES, sampling="iid", seed=seed),
        lambda seed: margin(SKEWED, 0.4, POSTERIORS, sampling="iid", seed=seed),
        lambda seed: open_set(SKEWED, 0.4, 50, open_share=0.5, sampling="iid", seed=seed),
        lambda seed: restrict("instance(rate=0.4, sampling='iid')", (1, 2), SKEWED, features=FEATURES, seed=seed),
        lambda seed: compose("symmetric(rate=0.3, sampling='iid')", "pair_flip(rate=0.3, sampling='iid')", SKEWED, seed=seed),
        lambda seed: preset(SKEWED, 0.4, "coteaching", seed=seed),
        lambda seed: preset(SKEWED, 0.4, "dividemix", seed=seed),
        lambda seed: preset(SKEWED, 0.4, "dividemix", form="asymmetric", seed=seed),
        # Nearly all samples are chosen, so that how many of them are of mapped classes hardly varies.
        lambda seed: preset(SKEWED, 0.9, "dividemix", form="asymmetric", seed=seed),
        lambda seed: preset(SKEWED, 0.4, "elr", seed=seed),
        lambda seed: symmetric(MANY, 0.4, seed=seed),
        lambda seed: symmetric([0, 0, 1, 1, 1], 0.1, seed=seed),
        lambda seed: instance(MANY, 0.2, FEATURES_OF_MANY, seed=seed),
        lambda seed: open_set(MANY, 0.3, 50, open_share=0.5, seed=seed),
        lambda seed: from_transition(SKEWED, UNEQUAL, seed=seed),
    ],
)
def test_realised_rates_have_the_expected_mean_and_spread(make: Callable[[int], NoisyLabels]) -> None:
    rates = [make(seed).rate for seed in range(150)]
    expected, spread = expected_and_spread(make(0))
    assert np.mean(rates) == pytest.approx(expected, abs=5 * spread / math.sqrt(150))
    assert np.std(rates) == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize(
    "noisy",
    [
        symmetric(SKEWED, 0.4),
        symmetric(SKEWED, 0.4, sampling="exact"),
        restrict(symmetric(SKEWED, 0.4), [1, 2]),
        instance(SKEWED, 0.4, FEATURES, sampling="exact"),
        margin(SKEWED, 0.4, POSTERIORS, sampling="exact"),
        open_set(SKEWED, 0.4, 50, open_share=0.5),
        preset(SKEWED, 0.4, "sce"),
        preset(SKEWED, 0.4, "sce", form="asymmetric"),
    ],
    ids=lambda noisy: noisy.kind,
)
def test_exact_counts_are_said_to_be_exact(noisy: NoisyLabels, capsys: pytest.CaptureFixture[str]) -> None:
    expected, spread = expected_and_spread(noisy)
    assert spread == 0
    assert noisy.rate == pytest.approx(expected, abs=10 / len(SKEWED))
    noisy.report()
    assert f"expected rate {expected:.4f}, exact up to rounding\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "noisy",
    [
        restrict(symmetric(SKEWED, 0.4, sampling="exact"), [1, 2]),
        restrict(symmetric(SKEWED, 0.33), [1, 2]),
        compose("symmetric:0.3", "pair_flip:0.3", SKEWED),
        preset(SKEWED, 0.4, "elr", form="asymmetric"),
    ],
    ids=lambda noisy: noisy.kind,
)
def test_no_spread_is_stated_where_the_way_of_drawing_does_not_tell_it(
    noisy: NoisyLabels, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, spread = expected_and_spread(noisy)
    assert math.isnan(spread)
    assert noisy.rate == pytest.approx(expected, abs=0.03)
    noisy.report()
    assert f"expected rate {expected:.4f}\n" in capsys.readouterr().out


def test_nothing_is_expected_of_labels_from_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    noisy = from_pair([0, 1, 1], [0, 1, 0])
    assert all(map(math.isnan, expected_and_spread(noisy)))
    noisy.report()
    assert "expected" not in capsys.readouterr().out


@pytest.mark.parametrize(("source", "form"), [("dividemix", "symmetric"), ("dividemix", "asymmetric"), ("elr", "asymmetric")])
def test_presets_know_the_matrix_of_their_code(source: Any, form: Any) -> None:
    noisy = preset(np.arange(50_000) % 10, 0.4, source, form=form)
    assert noisy.transition is not None
    assert np.abs(noisy.realised_transition() - noisy.transition).max() < 0.03
    assert diagnose(noisy).p_value > 1e-3
    if source == "elr":
        assert noisy.transition[3, 5] == pytest.approx(0.24)


def test_the_expected_rate_of_every_class_is_known_too() -> None:
    noisy = asymmetric(np.arange(100) % 10, 0.4, "cifar10")
    assert diagnose(noisy).expected_per_class == pytest.approx([0, 0, 0.4, 0.4, 0.4, 0.4, 0, 0, 0, 0.4])


def test_replaced_images_count_as_mislabelled_after_more_noise_too() -> None:
    first = open_set(SKEWED, 0.4, 50)
    both = compose(first, symmetric(first.given, 0.2, seed=1))
    assert both.nominal_rate == both.rate > 0.4
