"""Noise that differs from sample to sample: instance-dependent, margin-diminishing, subclass-dominant, open-set."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from noisylab.corruption import NoisyLabels, instance, margin, open_set, replace_images, subclass

Kind = Callable[..., NoisyLabels]
MODES = ["iid", "exact", "exact_per_class"]


def features(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.random.default_rng(len(labels)).normal(size=(len(labels), 6))


def posteriors(labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    return np.random.default_rng(len(labels)).dirichlet(np.full(classes, 0.7), len(labels))


def by_features(labels: NDArray[np.int64], rate: float, classes: int, **options: object) -> NoisyLabels:
    return instance(labels, rate, features(labels), classes, **options)  # type: ignore[arg-type]


def saturated(labels: NDArray[np.int64], rate: float, classes: int, **options: object) -> NoisyLabels:
    return instance(labels, rate, features(labels), classes, saturated=True, **options)  # type: ignore[arg-type]


def near_the_boundary(labels: NDArray[np.int64], rate: float, classes: int, **options: object) -> NoisyLabels:
    return margin(labels, 0.9 * rate, posteriors(labels, classes), classes, **options)  # type: ignore[arg-type]


def one_subclass(labels: NDArray[np.int64], rate: float, classes: int, **options: object) -> NoisyLabels:
    # Every other sample of a class is in its lowest fine class, beginning with the first.
    order = np.argsort(labels, kind="stable")
    fine = np.empty_like(labels)
    sizes = np.bincount(labels, minlength=classes)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    fine[order] = 2 * labels[order] + rank % 2
    return subclass(labels, rate / 2, fine, classes, **options)  # type: ignore[arg-type]


def partly_open(labels: NDArray[np.int64], rate: float, classes: int, **options: object) -> NoisyLabels:
    return open_set(labels, rate, 1000, classes, open_share=0.6, **options)  # type: ignore[arg-type]


KINDS: list[Kind] = [by_features, saturated, near_the_boundary, one_subclass, partly_open]
kinds, modes, seeds = st.sampled_from(KINDS), st.sampled_from(MODES), st.integers(0, 2**40)


@st.composite
def imbalanced(draw: st.DrawFn) -> tuple[NDArray[np.int64], int]:
    sizes = draw(st.lists(st.integers(0, 40), min_size=2, max_size=8).filter(any))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(draw(st.integers(0, 1000))).permutation(labels), len(sizes)


@given(kinds, modes, imbalanced(), st.floats(0, 1), st.floats(0, 1), seeds)
# Many samples flip from the same rate on.
@example(saturated, "exact", (np.ones(31, dtype=np.int64), 2), 0.0, 1.0, 99999998)
def test_the_flips_of_a_lower_rate_with_their_targets_are_among_those_of_a_higher_rate(
    kind: Kind, mode: str, data: tuple[NDArray[np.int64], int], a: float, b: float, seed: int
) -> None:
    low, high = (kind(data[0], rate, data[1], sampling=mode, seed=seed) for rate in sorted((a, b)))
    assert np.array_equal(low.given[low.mislabelled], high.given[low.mislabelled])
    assert not (low.mislabelled & ~high.mislabelled).any()
    if low.replaced_by is not None and high.replaced_by is not None:
        chosen = low.replaced_by >= 0
        assert np.array_equal(low.replaced_by[chosen], high.replaced_by[chosen])


@given(kinds, modes, imbalanced(), st.floats(0, 1), seeds)
def test_the_same_seed_gives_the_same_record_with_labels_in_range(
    kind: Kind, mode: str, data: tuple[NDArray[np.int64], int], rate: float, seed: int
) -> None:
    first, again = (kind(data[0], rate, data[1], sampling=mode, seed=seed) for _ in range(2))
    assert first == again
    assert first.given.min() >= 0
    assert first.given.max() < data[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_decides_and_no_global_generator(kind: Kind) -> None:
    labels = np.arange(400) % 4
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    first = kind(labels, 0.4, 4, seed=1)
    assert np.array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert kind(labels, 0.4, 4, seed=1) == first
    assert not np.array_equal(kind(labels, 0.4, 4, seed=2).mislabelled, first.mislabelled)


@pytest.mark.parametrize("mode", ["exact", "exact_per_class"])
@pytest.mark.parametrize("rate", [0, 0.01, 0.1, 0.4, 0.8, 1])
def test_instance_noise_has_the_rate_asked_for_at_low_rates_too(mode: str, rate: float) -> None:
    labels = np.arange(4000) % 8
    noisy = instance(labels, rate, features(labels), sampling=mode)  # type: ignore[arg-type]
    assert noisy.rate == pytest.approx(rate, abs=0.001)


def test_as_published_a_rate_of_01_becomes_0129_and_the_softmax_saturates() -> None:
    labels = np.arange(20_000) % 10
    pixels = np.random.default_rng(0).integers(0, 256, (20_000, 30), dtype=np.uint8)
    noisy = instance(labels, 0.1, pixels, saturated=True)
    assert noisy.rate == pytest.approx(0.129, abs=0.002)
    # One image always becomes the same label, whichever number picks the target.
    same, zeros = np.repeat(pixels[:1], 2000, axis=0), np.zeros(2000, dtype=np.int64)
    published, default = (instance(zeros, 0.9, same, 10, saturated=saturated) for saturated in (True, False))
    assert len(np.unique(published.given[published.mislabelled])) == 1
    assert len(np.unique(default.given[default.mislabelled])) == 9


def test_instance_noise_depends_on_the_features() -> None:
    labels = np.zeros(4000, dtype=np.int64)
    x = np.where(np.arange(4000)[:, None] % 2, 1.0, -1.0) * np.ones((1, 50))
    noisy = instance(labels, 1, x, 6, temperature=0.3)
    even, odd = (np.bincount(noisy.given[parity::2], minlength=6) / 2000 for parity in (0, 1))
    assert np.abs(even - odd).max() > 0.3


def test_what_a_sample_is_mistaken_for_depends_on_its_true_class_too() -> None:
    # With one W for all classes, samples of equal features would be mistaken for classes 2 to 9 in the same proportions.
    labels = np.repeat([0, 1], 4000)
    noisy = instance(labels, 1, np.ones((8000, 16)), 10, temperature=4, saturated=True)
    counts = [np.bincount(noisy.given[labels == true], minlength=10)[2:] for true in (0, 1)]
    assert np.abs(counts[0] / counts[0].sum() - counts[1] / counts[1].sum()).max() > 0.1


@pytest.mark.parametrize("dimensions", [3, 300])
def test_features_are_scaled_so_that_targets_are_as_uncertain_in_any_number_of_dimensions(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(5, 3, size=(60, dimensions))
    noisy = instance(np.zeros(60 * 150, dtype=np.int64), 1, np.repeat(rows, 150, axis=0), 10)
    top = [np.bincount(labels, minlength=10).max() / 150 for labels in noisy.given.reshape(60, 150)]
    # Scores of standardised features under W ~ N(0, 1), over sqrt(d), are N(0, 1) themselves.
    weights = np.exp(rng.normal(size=(20_000, 9)))
    expected = (weights.max(axis=1) / weights.sum(axis=1)).mean()
    assert np.mean(top) == pytest.approx(expected, abs=0.07)


def test_instance_noise_never_holds_more_than_chunks() -> None:
    x = np.random.default_rng(0).integers(0, 256, (20_000, 300), dtype=np.uint8)
    labels = np.arange(20_000) % 10
    tracemalloc.start()
    instance(labels, 0.5, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All features as float64 would be 48 MB, samples x features x classes 480 MB.
    assert peak < 40e6


@pytest.mark.parametrize("form", ["I", "II", "III"])
def test_margin_noise_follows_its_formula(form: str) -> None:
    n = 200_000
    eta = np.random.default_rng(1).dirichlet([1, 1, 1], n)
    labels = eta.argmax(axis=1)
    noisy = margin(labels, 0.2, eta, form=form, sampling="iid")  # type: ignore[arg-type]
    ordered = np.sort(eta, axis=1)
    d = ordered[:, -1] - ordered[:, -2]
    tau = {"I": (1 - d**2) / 2, "II": 1 - d**3, "III": 1 - (d**3 + d**2 + d) / 3}[form]
    for low in np.arange(0, 1, 0.2):
        band = (d >= low) & (d < low + 0.2)
        assert noisy.mislabelled[band].mean() == pytest.approx(0.2 * tau[band].mean() / tau.mean(), abs=0.01)
    runner_up = eta.argsort(axis=1)[:, -2]
    assert np.array_equal(noisy.given[noisy.mislabelled], runner_up[noisy.mislabelled])


def test_subclass_noise_flips_five_times_the_rate_of_one_fine_class_in_five() -> None:
    fine = np.arange(10_000) % 20
    noisy = subclass(fine // 5, 0.1, fine)
    assert noisy.rate == 0.1
    assert noisy.mislabelled[fine % 5 == 0].mean() == 0.5
    assert not noisy.mislabelled[fine % 5 != 0].any()
    assert np.array_equal(noisy.given[noisy.mislabelled], (fine[noisy.mislabelled] // 5 + 1) % 4)


def test_open_set_noise_replaces_images_and_keeps_their_labels() -> None:
    labels = np.arange(1000) % 5
    inside, outside = np.zeros((1000, 1, 2, 2), np.uint8), np.ones((400, 1, 2, 2), np.uint8)
    noisy = open_set(labels, 0.4, outside, open_share=0.75)
    assert noisy.replaced_by is not None
    replaced = noisy.replaced_by >= 0
    assert replaced.mean() == pytest.approx(0.3, abs=0.005)
    assert (noisy.given != labels).mean() == pytest.approx(0.1, abs=0.005)
    assert np.array_equal(noisy.given[replaced], labels[replaced])
    assert noisy.rate == 0.4
    images = replace_images(inside, noisy, outside)
    assert np.array_equal(images.reshape(1000, -1).any(axis=1), replaced)
    assert not inside.any()


@pytest.mark.parametrize("mode", MODES)
def test_no_outside_image_is_used_twice_while_there_are_others(mode: str) -> None:
    labels = np.repeat(np.arange(6), [200, 100, 50, 30, 15, 5])
    images, outside = np.zeros((400, 1), np.int64), np.arange(1, 151)[:, None]
    for rate in (0.1, 0.3, 0.6, 1):
        noisy = open_set(labels, rate, 150, open_share=0.7, sampling=mode)  # type: ignore[arg-type]
        assert noisy.replaced_by is not None
        used = np.bincount(noisy.replaced_by[noisy.replaced_by >= 0], minlength=150)
        assert used.sum() >= 20
        assert np.ptp(used) <= 1
        assert np.array_equal(replace_images(images, noisy, outside)[:, 0], noisy.replaced_by + 1)


def test_a_margin_that_is_nearly_none_is_scaled_as_well() -> None:
    # What the first 500 leave of the sum of all is lost in rounding.
    gap = np.concatenate([np.full(500, 0.5), 1 - np.arange(1, 501) * 1e-12])
    eta = np.stack([(1 + gap) / 2, (1 - gap) / 2], axis=1)
    noisy = margin(np.zeros(1000, dtype=np.int64), 0.7, eta, 2)
    assert noisy.flip_probability is not None
    assert noisy.flip_probability.mean() == pytest.approx(0.7, abs=1e-9)
    assert noisy.flip_probability[:500].tolist() == [1] * 500
    assert noisy.rate == 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_any_kind_comes_back_from_its_file(kind: Kind, tmp_path) -> None:  # type: ignore[no-untyped-def]
    noisy = kind(np.arange(60) % 4, 0.3, 4)
    noisy.save(tmp_path / "noise.npz")
    assert NoisyLabels.load(tmp_path / "noise.npz") == noisy


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: instance([0, 1], 0.2, [[1.0], [np.nan]]), "features must be finite"),
        (lambda: instance([0, 1], 0.2, [[1.0]]), "a row for each of the 2 labels, got an array of shape .1, 1."),
        (lambda: instance([0, 1], 0.2, [["a"], ["b"]]), "features must be numbers"),
        (lambda: instance([0, 1], 0.2, [[1.0], [2.0]], temperature=0), "temperature must be a number > 0, got 0"),
        (lambda: instance([0, 0], 0.2, [[1.0], [2.0]]), "at least 2 classes"),
        (lambda: margin([0, 1], 0.2, [[0.5, 0.6], [1, 0]]), "sum to 1 in every row, got 1.1 in row 0"),
        (lambda: margin([0, 1], 0.2, [[-1.0, 2], [1, 0]]), "not logits"),
        (lambda: margin([0, 1], 0.8, [[0.5, 0.5], [1, 0]]), "rate must be at most 0.5"),
        (lambda: margin([0, 1], 0.2, "nothing.npy"), "no file 'nothing.npy'"),
        (lambda: margin([0, 1], 0.2, np.eye(2), form="IV"), "'III', got 'IV'"),  # type: ignore[arg-type]
        (lambda: subclass([0, 0, 1, 1], 0.9, [0, 1, 2, 3]), "rate must be at most 0.5"),
        (lambda: subclass([0, 1], 0.2, [0]), "got 1 for 2 labels"),
        (lambda: open_set([0, 1], 0.2, 0), "outside must be an integer of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused_with_the_value_named(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_a_file_about_the_whole_data_set_gives_the_rows_of_a_part_of_it(tmp_path: Path) -> None:
    labels = np.arange(200) % 4
    part = np.arange(0, 200, 3)
    for kind, name, values in (
        (margin, "posteriors", posteriors(labels, 4)),
        (subclass, "fine", labels * 5 + np.arange(200) // 4 % 5),
    ):
        np.save(tmp_path / f"{name}.npy", values)
        path = str(tmp_path / f"{name}.npy")
        whole = kind(labels, 0.1, path)
        for place in (part, np.arange(200)):
            made = kind(labels[place], 0.1, path, positions=place)
            assert np.array_equal(made.given, kind(labels[place], 0.1, values[place]).given)
            # The record names the file, whichever of its rows it is about.
            assert made.parameters == whole.parameters


def test_a_record_tells_files_apart_by_what_they_hold(tmp_path: Path) -> None:
    labels, eta = np.arange(200) % 4, posteriors(np.arange(200) % 4, 4)
    images = np.zeros((300, 1, 2, 2), np.uint8)
    for kind, name, values, other in (
        (margin, "posteriors", eta, eta + np.eye(4)[0] * 1e-12),
        (subclass, "fine", labels * 5 + np.arange(200) // 4 % 5, labels * 5 + np.arange(200) // 4 % 4),
        (open_set, "outside", images, images + np.uint8(1)),
    ):
        path, records = tmp_path / f"{name}.npy", []
        for held in (values, values, other):
            np.save(path, held)
            records.append(kind(labels, 0.1, str(path)))
        assert records[0] == records[1] != records[2]
        assert records[0].parameters[name] == str(path)
        assert records[0].parameters[f"{name}_digest"] != records[2].parameters[f"{name}_digest"]
