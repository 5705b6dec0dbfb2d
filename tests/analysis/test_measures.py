"""Every measure against its definition, on cases worked out by hand, on slow references, and with epochs that lack."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given as cases
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import entropy

from noisylab.analysis import (
    aum,
    aum_threshold,
    clean_probability,
    confidence,
    correctness,
    el2n,
    error_norm,
    fake_classes,
    flips,
    forgetting_events,
    learning_time,
    loss_mixture,
    mislabelled_by_aum,
    prediction_consistency,
    prediction_divergence,
    prediction_entropy,
    step_consistency,
    variability,
    wrong_events,
)

# Five samples over four epochs: always right, learned late, forgotten twice, never learned, and forgotten once and for all.
CORRECT = np.array([[1, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], dtype=bool)
PREDICTION = np.array([[2, 0, 1], [2, 1, 1], [2, 0, 0], [2, 1, 0]])


def equal(found: NDArray[np.float64], expected: object) -> None:
    np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-12)


def test_forgetting_events_count_from_right_to_wrong_and_the_never_learned_are_infinite() -> None:
    equal(forgetting_events(CORRECT), [0, 0, 2, np.inf, 1])


def test_learning_time_is_the_last_wrong_epoch_plus_one() -> None:
    equal(learning_time(CORRECT), [0, 2, 4, 4, 4])


def test_wrong_events_count_all_epochs() -> None:
    equal(wrong_events(CORRECT), [0, 2, 2, 4, 2])


def test_correctness_is_the_share_of_right_epochs() -> None:
    equal(correctness(CORRECT), [1, 0.5, 0.5, 0, 0.5])


def test_epochs_that_did_not_show_a_sample_are_passed_over() -> None:
    correct = np.array([[1, 0], [0, 0], [0, 0], [1, 0]], dtype=bool)
    shown = np.array([[1, 0], [0, 0], [1, 0], [1, 0]], dtype=bool)
    equal(forgetting_events(correct, shown=shown), [1, np.nan])
    equal(learning_time(correct, shown=shown), [3, np.nan])
    equal(wrong_events(correct, shown=shown), [1, np.nan])
    equal(correctness(correct, shown=shown), [2 / 3, np.nan])
    equal(prediction_consistency(correct.astype(int), shown=shown), [0, np.nan])
    equal(prediction_entropy(correct.astype(int), shown=shown), [entropy([1, 2]), np.nan])


def test_consistency_is_the_share_of_equal_neighbours_and_entropy_that_of_the_histogram() -> None:
    equal(prediction_consistency(PREDICTION), [1, 0, 2 / 3])
    equal(prediction_entropy(PREDICTION), [0, np.log(2), np.log(2)])
    equal(prediction_entropy(np.array([[0], [1], [2], [0]])), [entropy([2, 1, 1])])


def test_step_consistency_leaves_out_epochs_without_a_second_presentation() -> None:
    equal(step_consistency(np.array([[1, -1, 0], [0, -1, -1], [1, -1, 0]], dtype=np.int8)), [2 / 3, np.nan, 0])


def test_means_over_epochs_leave_out_what_lacks() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, np.nan]], dtype=np.float16)
    for measure in (aum, confidence, prediction_divergence):
        equal(measure(values), [1.5, np.nan])
    equal(variability(values), [0.5, np.nan])


def test_the_data_map_is_mean_and_population_deviation() -> None:
    p = np.random.default_rng(0).random((9, 20))
    equal(confidence(p), p.mean(axis=0))
    equal(variability(p), p.std(axis=0))


def test_aum_is_the_mean_margin() -> None:
    equal(aum([[1.0, -2.0], [3.0, -4.0]]), [2, -3])


def test_el2n_is_the_mean_error_norm_of_the_first_epochs() -> None:
    equal(error_norm([[0.7, 0.2, 0.1], [0, 1, 0]], [0, 2]), [np.sqrt(0.09 + 0.04 + 0.01), np.sqrt(2)])
    norms = np.arange(40.0)[:, None] * [[1, 2]]
    equal(el2n(norms), [1.5, 3])
    equal(el2n(norms, first=1), [0, 0])
    equal(el2n(norms, running=True)[[0, 1, 3, 20], 0], [0, 0.5, 1.5, 1.5])
    with pytest.raises(ValueError, match=r"first must be in \[1, 40\], got 41"):
        el2n(norms, first=41)


def test_flips_are_shares_of_the_mislabelled_samples_between_epochs() -> None:
    #     sample 0 is clean; of the mislabelled 1 to 4 (true 0, given 1)
    prediction = np.array([[0, 1, 1, 0, 2], [1, 0, 1, 1, 2], [0, 0, 2, 1, 0]])
    table = flips(prediction, [0, 1, 1, 1, 1], [0, 0, 0, 0, 0])
    assert table["n"].tolist() == [0, 4, 4]
    assert table.loc[0, ["to_truth", "from_truth", "to_given", "from_given"]].isna().all()
    assert table.loc[1, ["to_truth", "from_truth", "to_given", "from_given"]].tolist() == [0.25, 0.25, 0.25, 0.25]
    assert table.loc[2, ["to_truth", "from_truth", "to_given", "from_given"]].tolist() == [0.25, 0, 0, 0.25]


def test_flips_compare_with_the_last_epoch_that_showed_the_sample() -> None:
    table = flips([[1], [9], [0]], [1], [0], shown=[[True], [False], [True]])
    assert table["n"].tolist() == [0, 0, 1]
    assert table["to_truth"].tolist()[2] == 1


def test_the_loss_mixture_parts_two_heaps() -> None:
    rng = np.random.default_rng(0)
    loss = np.concatenate([rng.normal(0.5, 0.2, 600), rng.normal(4, 0.5, 400), [np.nan, np.inf]])
    p = clean_probability(loss)
    assert (p[:600] > 0.9).mean() > 0.99
    assert (p[600:1000] < 0.1).mean() > 0.99
    assert np.isnan(p[1000])
    assert p[1001] < 0.1
    np.testing.assert_array_equal(p, clean_probability(loss))


def test_the_loss_mixture_is_that_of_scikit_learn() -> None:
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(1)
    loss = np.abs(np.concatenate([rng.normal(0.5, 0.2, 600), rng.normal(4, 0.5, 400)]))
    scaled = ((loss - loss.min()) / (loss.max() - loss.min()))[:, None]
    reference = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(scaled)
    posterior = reference.predict_proba(scaled)[:, reference.means_.argmin()]
    np.testing.assert_allclose(clean_probability(loss), posterior, atol=1e-2)


def test_the_loss_mixture_over_epochs() -> None:
    loss = np.random.default_rng(2).gamma(2, size=(4, 50))
    equal(loss_mixture(loss), clean_probability(loss[3]))
    equal(loss_mixture(loss, window=2, running=True)[2], clean_probability(loss[1:3].mean(axis=0)))
    assert np.isnan(clean_probability(np.ones(5))).all()
    with pytest.raises(ValueError, match="window"):
        loss_mixture(loss, window=5)


def test_every_sample_is_judged_once_by_the_fake_class() -> None:
    given = np.arange(44) % 3
    one, two = fake_classes(given, seed=3)
    assert len(one.positions) == len(two.positions) == 11
    assert not set(one.positions) & set(two.positions)
    assert (one.labels[one.positions] == 3).all()
    others = np.setdiff1d(np.arange(44), one.positions)
    assert (one.labels[others] == given[others]).all()
    assert np.array_equal(fake_classes(given, seed=3)[0].positions, one.positions)

    values = np.zeros(44)
    values[one.positions] = np.arange(11)
    assert aum_threshold(values, one.positions) == np.percentile(np.arange(11), 99)
    first, second = np.full(44, 5.0), np.full(44, 5.0)
    first[one.positions], second[two.positions] = 1.0, 1.0
    suspects = [i for i in others if i not in two.positions][:3]
    first[suspects] = 0.5
    second[one.positions[:2]] = 0.5
    flagged = mislabelled_by_aum([first, second], [one.positions, two.positions])
    assert sorted(np.flatnonzero(flagged)) == sorted([*suspects, *one.positions[:2]])
    with pytest.raises(ValueError, match="nothing judges it"):
        mislabelled_by_aum([first], [one.positions])
    with pytest.raises(ValueError, match="at least 5 for 4 classes, got 4"):
        fake_classes([0, 1, 2, 3])


MEASURES: dict[str, tuple[Callable[..., NDArray[np.float64]], str]] = {
    "forgetting_events": (forgetting_events, "bool"),
    "learning_time": (learning_time, "bool"),
    "wrong_events": (wrong_events, "bool"),
    "correctness": (correctness, "bool"),
    "prediction_consistency": (prediction_consistency, "int"),
    "prediction_entropy": (prediction_entropy, "int"),
    "aum": (aum, "float"),
    "variability": (variability, "float"),
    "loss_mixture": (loss_mixture, "float"),
}


@pytest.mark.parametrize("name", MEASURES)
def test_running_values_are_those_of_the_epochs_so_far(name: str) -> None:
    measure, kind = MEASURES[name]
    rng = np.random.default_rng(5)
    shown = rng.random((6, 30)) < 0.7
    options: dict[str, object] = {"shown": shown}
    values: NDArray[np.generic] = rng.integers(0, 3, (6, 30))
    if kind == "bool":
        values = values == 1
    elif kind == "float":
        values, options = np.where(shown, rng.random((6, 30)), np.nan), {}
    running = measure(values, running=True, **options)
    for epoch in range(6):
        until = {name: np.asarray(value)[: epoch + 1] for name, value in options.items()}
        np.testing.assert_allclose(running[epoch], measure(values[: epoch + 1], **until), rtol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_one_epoch_and_one_sample_will_do_and_other_shapes_are_refused(name: str) -> None:
    measure, kind = MEASURES[name]
    value: object = {"bool": True, "int": 1, "float": 0.5}[kind]
    assert measure(np.array([[value]])).shape == (1,)
    with pytest.raises(ValueError, match=r"must have shape \(epochs, samples\).*got \(3,\)"):
        measure(np.array([value] * 3))
    with pytest.raises(ValueError, match="at least one epoch"):
        measure(np.empty((0, 3), dtype=np.array(value).dtype))


def test_what_is_no_truth_value_is_refused() -> None:
    with pytest.raises(ValueError, match="True or False, got int64"):
        forgetting_events(np.array([[1, 0]]))
    with pytest.raises(ValueError, match="shown must have the shape of correct"):
        forgetting_events(np.array([[True, False]]), shown=np.array([[True]]))


@cases(st.lists(st.lists(st.sampled_from([None, False, True]), min_size=4, max_size=4), min_size=1, max_size=8))
def test_forgetting_against_a_walk_over_presentations(table: list[list[bool | None]]) -> None:
    shown = np.array([[entry is not None for entry in row] for row in table])
    correct = np.array([[bool(entry) for entry in row] for row in table])
    for sample in range(4):
        walk = [row[sample] for row in table if row[sample] is not None]
        events = sum(a and not b for a, b in itertools.pairwise(walk)) if any(walk) else np.inf
        last_wrong = max((epoch for epoch, row in enumerate(table) if row[sample] is False), default=-1)
        equal(forgetting_events(correct, shown=shown)[sample], events if walk else np.nan)
        equal(learning_time(correct, shown=shown)[sample], last_wrong + 1 if walk else np.nan)


@cases(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=8))
def test_consistency_against_counts(table: list[list[int]]) -> None:
    prediction = np.array(table)
    for sample in range(3):
        column = prediction[:, sample]
        share = (column[1:] == column[:-1]).mean() if len(column) > 1 else np.nan
        np.testing.assert_allclose(prediction_consistency(prediction)[sample], share)
        np.testing.assert_allclose(prediction_entropy(prediction)[sample], entropy(np.bincount(column)), atol=1e-12)
