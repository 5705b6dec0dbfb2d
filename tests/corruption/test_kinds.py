"""What every noise kind promises: conventions, exact counts, nestedness, determinism."""

import random
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from noisylab.corruption import NoisyLabels, asymmetric, from_transition, pair_flip, symmetric
from noisylab.corruption.class_maps import CIFAR100_SUPERCLASS, MAPPINGS

Kind = Callable[..., NoisyLabels]
MODES = ["iid", "exact", "exact_per_class"]


def next_class(labels: NDArray[np.int64], rate: float, num_classes: int, **options: object) -> NoisyLabels:
    """Asymmetric noise from class 0 to the last one, and from 1 to 0."""
    return asymmetric(labels, rate, {0: num_classes - 1, 1: 0}, num_classes, **options)  # type: ignore[arg-type]


def mixed(labels: NDArray[np.int64], rate: float, num_classes: int, **options: object) -> NoisyLabels:
    """A matrix whose rows flip with different probabilities, to different classes, in proportion to the rate."""
    weights = np.random.default_rng(num_classes).random((num_classes, num_classes))
    np.fill_diagonal(weights, 0)
    strength = np.linspace(0.3, 1, num_classes) * rate
    matrix = strength[:, None] * weights / weights.sum(axis=1, keepdims=True)
    np.fill_diagonal(matrix, 1 - strength)
    return from_transition(labels, matrix, **options)  # type: ignore[arg-type]


def included(labels: NDArray[np.int64], rate: float, num_classes: int, **options: object) -> NoisyLabels:
    return symmetric(labels, rate, num_classes, include_true=True, **options)  # type: ignore[arg-type]


KINDS: list[Kind] = [symmetric, included, pair_flip, next_class, mixed]
kinds, modes, seeds = st.sampled_from(KINDS), st.sampled_from(MODES), st.integers(0, 2**40)


@st.composite
def imbalanced(draw: st.DrawFn) -> tuple[NDArray[np.int64], int]:
    """Labels whose classes differ in size, some absent, in any order; and the number of classes."""
    sizes = draw(st.lists(st.integers(0, 60), min_size=2, max_size=12).filter(any))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(draw(st.integers(0, 1000))).permutation(labels), len(sizes)


def expected_flips(noisy: NoisyLabels) -> NDArray[np.float64]:
    """Of every class, as the transition matrix says."""
    assert noisy.transition is not None
    sizes = np.bincount(noisy.true, minlength=noisy.num_classes)
    return sizes * (1 - np.diagonal(noisy.transition))


@given(kinds, modes, imbalanced(), st.floats(0, 1), st.floats(0, 1), seeds)
def test_the_flips_of_a_lower_rate_with_their_targets_are_among_those_of_a_higher_rate(
    kind: Kind, mode: str, data: tuple[NDArray[np.int64], int], a: float, b: float, seed: int
) -> None:
    low, high = (kind(data[0], rate, data[1], sampling=mode, seed=seed) for rate in sorted((a, b)))
    assert np.array_equal(low.given[low.mislabelled], high.given[low.mislabelled])


@given(kinds, modes, imbalanced(), st.floats(0, 1), seeds)
def test_a_flip_never_gives_the_true_label_nor_one_that_the_matrix_excludes(
    kind: Kind, mode: str, data: tuple[NDArray[np.int64], int], rate: float, seed: int
) -> None:
    noisy = kind(data[0], rate, data[1], sampling=mode, seed=seed)
    assert noisy.transition is not None
    assert np.array_equal(noisy.mislabelled, noisy.given != data[0])
    assert (noisy.transition[noisy.true, noisy.given] > 0).all()
    assert noisy.given.min() >= 0
    assert noisy.given.max() < data[1]


@given(kinds, imbalanced(), st.floats(0, 1), seeds)
def test_exact_flips_as_many_as_expected_over_the_whole_set(
    kind: Kind, data: tuple[NDArray[np.int64], int], rate: float, seed: int
) -> None:
    noisy = kind(data[0], rate, data[1], sampling="exact", seed=seed)
    assert abs(noisy.mislabelled.sum() - expected_flips(noisy).sum()) <= 0.5 + 1e-6


@given(kinds, imbalanced(), st.floats(0, 1), seeds)
def test_exact_per_class_rounds_the_flips_of_every_class_up_or_down(
    kind: Kind, data: tuple[NDArray[np.int64], int], rate: float, seed: int
) -> None:
    noisy = kind(data[0], rate, data[1], seed=seed)
    flips = np.bincount(noisy.true[noisy.mislabelled], minlength=data[1])
    assert (np.abs(flips - expected_flips(noisy)) < 1).all()


@given(st.integers(2, 30), st.integers(1, 40), st.floats(0, 1), seeds)
def test_exact_per_class_rounds_the_total_too_where_classes_are_equally_large(
    classes: int, size: int, rate: float, seed: int
) -> None:
    noisy = symmetric(np.arange(classes * size) % classes, rate, classes, seed=seed)
    assert abs(noisy.mislabelled.sum() - rate * classes * size) <= 0.5 + 1e-6


def test_70_samples_at_rate_04_flip_28_and_not_0_by_flooring_cells() -> None:
    assert symmetric(np.arange(70) % 10, 0.4).mislabelled.sum() == 28


def test_singleton_classes_flip_in_proportion() -> None:
    assert symmetric(np.arange(100), 0.4).mislabelled.sum() == 40


def test_a_class_that_is_missing_does_no_harm() -> None:
    matrix = [[0.6, 0.2, 0.2], [0.3, 0.7, 0], [0, 0.5, 0.5]]
    noisy = from_transition(np.repeat([0, 2], 50), matrix)
    assert noisy.counts().tolist() == [[30, 10, 10], [0, 0, 0], [0, 25, 25]]


def test_rate_029_of_100_flips_29_and_not_28() -> None:
    assert symmetric(np.zeros(100, dtype=int), 0.29, 2).mislabelled.sum() == 29


@pytest.mark.parametrize("kind", KINDS)
def test_iid_draws_follow_the_matrix(kind: Kind) -> None:
    noisy = kind(np.arange(60_000) % 6, 0.3, 6, sampling="iid", seed=5)
    assert noisy.transition is not None
    for counts, row in zip(noisy.counts(), noisy.transition, strict=True):
        drawn, asked = counts[row > 0], row[row > 0]
        if len(asked) > 1:
            assert stats.chisquare(drawn, asked * counts.sum()).pvalue > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_exact_per_class_spreads_targets_evenly(kind: Kind) -> None:
    noisy = kind(np.arange(60_000) % 6, 0.3, 6)
    assert noisy.transition is not None
    assert np.abs(noisy.realised_transition() - noisy.transition).max() < 0.001


@given(kinds, modes, imbalanced(), seeds)
def test_the_same_seed_gives_the_same_labels_and_another_seed_others(
    kind: Kind, mode: str, data: tuple[NDArray[np.int64], int], seed: int
) -> None:
    first, again = (kind(data[0], 0.5, data[1], sampling=mode, seed=seed) for _ in range(2))
    assert first == again
    assert first.digest == again.digest


def test_another_seed_gives_other_labels() -> None:
    labels = np.arange(1000) % 10
    assert len({symmetric(labels, 0.5, seed=seed).digest for seed in range(5)}) == 5


def test_global_random_states_are_neither_read_nor_written() -> None:
    labels = np.arange(100) % 10
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    before = np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index, union-attr]  # noqa: NPY002
    first = symmetric(labels, 0.5, sampling="iid")
    assert np.array_equal(np.random.get_state()[1], before[0])  # type: ignore[index]  # noqa: NPY002
    assert random.getstate() == before[1]
    np.random.seed(1)  # noqa: NPY002
    assert symmetric(labels, 0.5, sampling="iid") == first


def test_symmetric_conventions_differ_by_the_factor_of_the_true_class() -> None:
    labels = np.arange(50_000) % 10
    for rate, realised in ((0.2, 0.18), (0.5, 0.45), (0.8, 0.72), (0.9, 0.81)):
        assert symmetric(labels, rate).rate == pytest.approx(rate, abs=1e-4)
        assert symmetric(labels, rate, include_true=True).rate == pytest.approx(realised, abs=1e-4)


def test_full_rates_are_possible() -> None:
    labels = np.arange(40) % 4
    assert symmetric(labels, 1).rate == 1
    assert np.array_equal(pair_flip(labels, 1).given, (labels + 1) % 4)
    assert symmetric(labels, 0).rate == 0


def test_cifar10_flips_run_once_and_never_in_place() -> None:
    # Flipped in place, part of the cats that became dogs would turn back: .24 instead of .4.
    noisy = asymmetric(np.arange(50_000) % 10, 0.4, "cifar10")
    realised = noisy.realised_transition()
    for true, wrong in {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}.items():
        assert realised[true, wrong] == pytest.approx(0.4, abs=1e-3)
    assert np.diagonal(realised)[[0, 1, 6, 7, 8]].tolist() == [1] * 5
    assert noisy.rate == pytest.approx(0.2, abs=1e-3)


def test_mnist_and_digits_share_patrinis_map() -> None:
    assert MAPPINGS["mnist"] == MAPPINGS["digits"] == (10, {7: 1, 2: 7, 5: 6, 6: 5, 3: 8})


def test_the_fashion_mnist_map_is_the_one_that_wars_code_runs() -> None:
    # simulate_noisylabel.py, noisify_fashionmnist_asymmetric: 9 -> 1 although its comment says 7.
    asked = np.eye(10)
    for true, wrong in ((9, 1), (5, 7), (2, 6), (4, 6), (6, 4), (3, 0)):
        asked[true, true], asked[true, wrong] = 0.6, 0.4
    noisy = asymmetric(np.arange(1000) % 10, 0.4, "fashion_mnist_war")
    assert np.allclose(noisy.transition, asked)  # type: ignore[arg-type]
    assert noisy.rate == pytest.approx(0.24)
    assert "fashion_mnist" not in MAPPINGS


def test_cifar100_superclass_stays_in_the_superclass_and_contiguous5_mostly_does_not() -> None:
    assert np.bincount(CIFAR100_SUPERCLASS).tolist() == [5] * 20
    inside = {
        name: sum(CIFAR100_SUPERCLASS[true] == CIFAR100_SUPERCLASS[wrong] for true, wrong in MAPPINGS[name][1].items())
        for name in ("cifar100_superclass", "cifar100_contiguous5")
    }
    assert inside == {"cifar100_superclass": 100, "cifar100_contiguous5": 6}
    assert MAPPINGS["cifar100_contiguous5"][1] == {i: 5 * (i // 5) + (i - 5 * (i // 5) + 1) % 5 for i in range(100)}


def test_a_dict_maps_true_to_given() -> None:
    noisy = asymmetric([0, 1, 2] * 10, 1, {0: 2})
    assert noisy.given.tolist() == [2, 1, 2] * 10


@settings(max_examples=20)
@given(st.sampled_from([list, tuple, np.array, lambda x: np.array(x, dtype=np.uint8), lambda x: np.array(x, dtype=">i4")]))
def test_any_integer_array_like_will_do(convert: Callable[[list[int]], object]) -> None:
    assert symmetric(convert([0, 1, 2, 3] * 5), 0.5) == symmetric(np.array([0, 1, 2, 3] * 5), 0.5)  # type: ignore[arg-type]


def test_torch_tensors_and_pandas_series_are_array_likes() -> None:
    import pandas
    import torch

    expected = symmetric([0, 1, 2, 3] * 5, 0.5)
    assert symmetric(torch.tensor([0, 1, 2, 3] * 5), 0.5) == expected
    assert symmetric(pandas.Series([0, 1, 2, 3] * 5), 0.5) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rate", [0.4, 0.9])
def test_drawing_holds_few_arrays_at_a_time_at_any_rate(mode: str, rate: float) -> None:
    labels = np.random.default_rng(0).integers(10, size=3_000_000)
    tracemalloc.start()
    symmetric(labels, rate, sampling=mode)  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of 64 bits per label: five arrays, and what a chunk needs.
    assert peak < 6 * labels.nbytes


def test_what_flips_for_certain_never_keeps_its_label() -> None:
    labels = np.repeat([0, 1], 500)
    for mode in MODES:
        for seed in range(20):
            assert (from_transition(labels, [[0, 1], [0.5, 0.5]], sampling=mode, seed=seed).given[:500] == 1).all()
