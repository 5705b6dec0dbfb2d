"""Noise on some classes, noise after noise, on long-tailed data; presets and controls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisylab.cli.listing import describe
from noisylab.core.registries import NOISES
from noisylab.corruption import (
    asymmetric,
    block,
    compose,
    diagnose,
    empirical,
    from_pair,
    from_transition,
    instance,
    long_tail_indices,
    long_tailed,
    pair_flip,
    preset,
    realism_controls,
    restrict,
    subclass,
    symmetric,
)
from noisylab.corruption.kinds.presets import NOTES

LABELS = np.arange(5000) % 10


def test_any_pair_of_label_lists_is_a_record() -> None:
    noisy = from_pair([0, 1, 2, 2], [0, 1, 1, 3])
    assert noisy.num_classes == 4
    assert noisy.mislabelled.tolist() == [False, False, True, True]
    assert noisy.rate == noisy.nominal_rate == 0.5
    with pytest.raises(ValueError, match="equally long, got 2 and 1"):
        from_pair([0, 1], [0])


def test_noise_on_some_classes_leaves_the_others_clean() -> None:
    whole = symmetric(LABELS, 0.4)
    some = restrict(whole, [2, 7])
    inside = np.isin(LABELS, [2, 7])
    assert np.array_equal(some.given[inside], whole.given[inside])
    assert not some.mislabelled[~inside].any()
    assert some.transition is not None
    assert np.array_equal(some.transition[0], np.eye(10)[0])
    assert restrict("symmetric:0.4", (2, 7), LABELS) == some
    with pytest.raises(ValueError, match="the 10 classes 0 to 9: 10 is not a class"):
        restrict(whole, [10])


def test_noise_after_noise_multiplies_the_matrices() -> None:
    first = pair_flip(LABELS, 0.3)
    both = compose(first, symmetric(first.given, 0.2, seed=9))
    assert first.transition is not None
    assert both.transition is not None
    assert np.allclose(both.transition, first.transition @ symmetric(LABELS, 0.2).transition)  # type: ignore[operator]
    assert np.array_equal(both.true, LABELS)
    assert both.rate == pytest.approx(both.nominal_rate, abs=0.01)
    with pytest.raises(ValueError, match=r"second must be noise on first.given"):
        compose(first, symmetric(LABELS, 0.2))


def test_a_chain_draws_its_second_noise_independently_of_the_first() -> None:
    both = compose("symmetric:0.5", "symmetric:0.5", LABELS)
    # With one seed for both, the same samples would flip twice and the others never.
    assert both.rate == pytest.approx(0.5 + 0.5 * 0.5 - 0.5 * 0.5 / 9, abs=0.02)


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 100))
def test_long_tails_are_nested_over_factors(a: float, b: float, seed: int) -> None:
    small, large = (set(long_tail_indices(LABELS[:300], factor, seed=seed).tolist()) for factor in sorted((a, b)))
    assert small <= large


@pytest.mark.parametrize("factor", [1e-6, 0.001, 0.02])
def test_at_least_one_sample_of_every_class_stays_in_a_long_tail(factor: float) -> None:
    labels = np.repeat(np.arange(4), [100, 1, 30, 30])
    sizes = np.bincount(labels[long_tail_indices(labels, factor)])
    assert sizes.tolist() == [100, 1, *(max(1, int(100 * factor ** (k / 3))) for k in (2, 3))]


def test_a_long_tail_decays_exponentially_and_is_corrupted_after() -> None:
    noisy = long_tailed(LABELS, 0.01, "symmetric:0.4", seed=3)
    sizes = np.bincount(noisy.true)
    assert sizes.tolist() == [int(500 * 0.01 ** (k / 9) + 1e-6) for k in range(10)]
    assert noisy.positions is not None
    assert np.array_equal(LABELS[noisy.positions], noisy.true)
    assert noisy.rate == pytest.approx(0.4, abs=0.005)
    x = np.random.default_rng(0).normal(size=(5000, 4))
    kept = long_tail_indices(LABELS, 0.1, seed=3)
    dependent = long_tailed(LABELS, 0.1, "instance:0.4", features=x, seed=3)
    assert np.array_equal(dependent.given, instance(LABELS[kept], 0.4, x[kept], 10, seed=3).given)
    with pytest.raises(ValueError, match=r"factor must be a number in \(0, 1\], got 0"):
        long_tail_indices(LABELS, 0)


def test_block_noise_stays_in_the_group() -> None:
    groups = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3]
    noisy = block(LABELS, 0.4, groups)
    group = np.array(groups)
    assert np.array_equal(group[noisy.given], group[noisy.true])
    assert noisy.realised_transition()[9, 9] == 1
    assert noisy.rate == pytest.approx(0.36, abs=1e-3)
    with pytest.raises(ValueError, match="group of each of the 10 classes, got 2"):
        block(LABELS, 0.4, [0, 1], 10)


def test_groups_of_100_classes_do_not_fit_ten() -> None:
    with pytest.raises(ValueError, match=r"each of the 10 classes, got 'cifar100_superclass', which is for 100 classes"):
        block(LABELS, 0.4, num_classes=10)
    with pytest.raises(ValueError, match=r"one number per class$"):
        block(LABELS, 0.4, num_classes=50)


def test_the_empirical_matrix_is_drawn_again() -> None:
    noisy = asymmetric(LABELS, 0.4, "cifar10", seed=1)
    again = empirical(LABELS, noisy, seed=2)
    assert np.allclose(again.realised_transition(), noisy.realised_transition(), atol=0.002)
    assert again.digest != noisy.digest


def test_controls_keep_the_rate_and_the_first_one_the_matrix() -> None:
    noisy = instance(LABELS, 0.4, np.random.default_rng(0).normal(size=(5000, 4)))
    controls = realism_controls(noisy)
    assert list(controls) == ["class_conditional", "symmetric", "pair_flip"]
    for record in controls.values():
        assert record.rate == pytest.approx(noisy.rate, abs=0.001)
        assert np.array_equal(record.true, noisy.true)
    same = controls["class_conditional"].realised_transition()
    assert np.abs(same - noisy.realised_transition()).max() < 0.01


def test_dividemix_has_the_rates_of_its_own_code_and_25_is_not_2() -> None:
    labels = np.arange(50_000) % 10
    for rate, realised in ((0.2, 0.179), (0.5, 0.450), (0.8, 0.721), (0.9, 0.808), (0.25, 0.225)):
        assert preset(labels, rate, "dividemix").rate == pytest.approx(realised, abs=0.004)


def test_elr_turns_part_of_the_cats_back() -> None:
    noisy = preset(np.arange(50_000) % 10, 0.4, "elr", form="asymmetric")
    assert noisy.realised_transition()[3, 5] == pytest.approx(0.24, abs=0.01)
    assert preset(np.arange(50_000) % 10, 0.4, "sce", form="asymmetric").realised_transition()[3, 5] == 0.4


def test_sce_has_maps_of_three_data_sets() -> None:
    # datasets.py, get_data: 7 -> 1, 2 -> 7, 3 -> 8, 5 <-> 6 for MNIST.
    mnist = preset(np.arange(1000) % 10, 0.4, "sce", form="asymmetric", dataset="mnist")
    asked = asymmetric(np.arange(1000) % 10, 0.4, "mnist")
    assert np.array_equal(mnist.counts(), asked.counts())
    assert mnist.parameters["mapping"] == "mnist"
    # build_for_cifar100: in every block of five classes two become each other; multiclass_noisify draws iid.
    labels = np.arange(50_000) % 100
    noisy, otherwise = (preset(labels, 0.4, "sce", form="asymmetric", seed=seed) for seed in (1, 2))
    pairs = {int(one): other for one, other in noisy.parameters["mapping"].items()}
    assert np.bincount([true // 5 for true in pairs]).tolist() == [2] * 20
    assert all(pairs[b] == a and b // 5 == a // 5 and b != a for a, b in pairs.items())
    matrix = np.eye(100)
    for one, other in pairs.items():
        matrix[one, one], matrix[one, other] = 0.6, 0.4
    assert np.allclose(noisy.transition, matrix)  # type: ignore[arg-type]
    assert diagnose(noisy).p_value > 1e-3
    assert noisy.rate == pytest.approx(0.16, abs=0.01)
    assert otherwise.parameters["mapping"] != noisy.parameters["mapping"]
    low = preset(labels, 0.1, "sce", form="asymmetric", seed=1)
    assert np.array_equal(low.given[low.mislabelled], noisy.given[low.mislabelled])


def test_elr_on_cifar100_is_the_contiguous_map_iid() -> None:
    labels = np.arange(50_000) % 100
    noisy = preset(labels, 0.4, "elr", form="asymmetric")
    asked = asymmetric(labels, 0.4, "cifar100_contiguous5", sampling="iid")
    assert np.array_equal(noisy.given, asked.given)
    assert (noisy.parameters["mapping"], noisy.parameters["sampling"]) == ("cifar100_contiguous5", "iid")


@pytest.mark.parametrize(
    ("classes", "options", "said"),
    [
        (
            100,
            {"source": "dividemix"},
            "dividemix has asymmetric noise for CIFAR-10, got CIFAR-100; mapping 'cifar100_superclass'",
        ),
        (10, {"source": "elr", "dataset": "mnist"}, "elr has asymmetric noise for CIFAR-10, CIFAR-100, got MNIST"),
        (10, {"source": "sce", "dataset": "svhn"}, "dataset must be one of 'cifar10', 'mnist', 'cifar100' or None, got 'svhn'"),
        (10, {"source": "sce", "dataset": "cifar100"}, "CIFAR-100's 100 classes, got 10 classes; pass num_classes=100"),
        (100, {"source": "sce", "dataset": "mnist"}, "is for MNIST's 10 classes, got 100 classes"),
        (
            10,
            {"source": "sce", "dataset": "mnist", "form": "symmetric"},
            "dataset is for form='asymmetric', got dataset='mnist'",
        ),
    ],
)
def test_asymmetric_noise_that_a_code_does_not_have_is_refused(classes: int, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        preset(np.arange(1000) % classes, 0.4, **{"form": "asymmetric"} | options)


def test_sce_takes_equally_many_of_every_class_however_large_it_is() -> None:
    noisy = preset(np.repeat([0, 1, 2], [100, 60, 45]), 0.4, "sce")
    assert np.bincount(noisy.true[noisy.mislabelled]).tolist() == [27, 27, 27]
    with pytest.raises(ValueError, match=r"rate 0\.9 wants 61 samples of every class, but class 1 has 60"):
        preset(np.repeat([0, 1, 2], [100, 60, 45]), 0.9, "sce")
    with_mapping = preset(np.repeat(np.arange(10), 7), 0.4, "sce", form="asymmetric")
    assert np.bincount(with_mapping.true[with_mapping.mislabelled], minlength=10).tolist() == [0, 0, 2, 2, 2, 2, 0, 0, 0, 2]


PRESETS = [(source, form) for source in NOTES for form in ("symmetric", "pair" if source == "coteaching" else "asymmetric")]


@pytest.mark.parametrize(("source", "form"), PRESETS)
def test_presets_heed_their_seed_and_not_the_global_generator(source: Any, form: Any) -> None:
    # Co-teaching's code always draws with seed 0, ELR's never seeds NumPy, SCE's seeds NumPy's global generator.
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    first = preset(LABELS, 0.4, source, form=form, seed=1)
    assert np.array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert preset(LABELS, 0.4, source, form=form, seed=1) == first
    assert preset(LABELS, 0.4, source, form=form, seed=2).digest != first.digest


@pytest.mark.parametrize(("source", "form"), PRESETS)
def test_rates_of_two_decimals_are_themselves_in_presets(source: Any, form: Any) -> None:
    # A file named with one decimal makes .25 run as .2; int(100 * .29) is 28.
    rates = [preset(np.arange(50_000) % 10, rate, source, form=form).rate for rate in (0.2, 0.25, 0.28, 0.29)]
    assert (np.diff(rates) > 0).all()


def test_whole_numbers_of_flips_are_not_lost_to_binary_fractions() -> None:
    labels = np.arange(1000) % 10
    assert np.bincount(labels[preset(labels, 0.29, "sce").mislabelled]).tolist() == [29] * 10
    assert preset(labels, 0.29, "sce", form="asymmetric").mislabelled.sum() == 5 * 29
    # .57 * 100 is 56.99999999999999; ELR then turns ceil(.57 * 57) = 33 of the 57 back.
    assert preset(np.repeat([3], 100), 0.57, "dividemix", 10, form="asymmetric").mislabelled.sum() == 57
    assert preset(np.repeat([3], 100), 0.57, "elr", 10, form="asymmetric").counts()[3, 5] == 57 - 33


@pytest.mark.parametrize("form", ["symmetric", "pair"])
def test_coteaching_is_what_its_code_draws(form: Any) -> None:
    # data/utils.py: a multinomial draw for each label from P, with n / (K - 1) off the diagonal or n at the next class.
    noisy = preset(np.arange(50_000) % 10, 0.45, "coteaching", form=form)
    asked = np.full((10, 10), 0.45 / 9) if form == "symmetric" else 0.45 * np.roll(np.eye(10), 1, axis=1)
    np.fill_diagonal(asked, 0.55)
    assert np.allclose(noisy.transition, asked)  # type: ignore[arg-type]
    assert (noisy.kind, noisy.parameters["sampling"]) == ("preset", "iid")
    assert diagnose(noisy).p_value > 1e-3


@pytest.mark.parametrize("source", NOTES)
def test_presets_are_nested_and_described(source: Any) -> None:
    low, high = (preset(LABELS, rate, source, seed=1) for rate in (0.2, 0.6))
    assert np.array_equal(low.given[low.mislabelled], high.given[low.mislabelled])
    assert NOTES[source] in describe("noise", source)


def test_forms_that_a_code_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="form must be one of 'symmetric', 'pair' for 'coteaching', got 'asymmetric'"):
        preset(LABELS, 0.4, "coteaching", form="asymmetric")
    with pytest.raises(ValueError, match="got 'divide'"):
        preset(LABELS, 0.4, "divide")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        ("subclass", "T_i,i+1 = r, T_ii = 1 - r"),
        ("on_classes", "T_ij is as in the other noise for i in `classes`; T_ii = 1 otherwise"),
        ("chain", "T = T_1 T_2"),
        ("long_tailed", "T is the matrix of the other noise"),
        ("file", "Of T, only the realised n_ij / n_i is known"),
    ],
)
def test_kinds_say_their_matrix(kind: str, formula: str) -> None:
    assert formula in describe("noise", kind)


def test_subclass_noise_has_the_matrix_that_it_says() -> None:
    fine = np.random.default_rng(0).integers(20, size=8000)
    noisy = subclass(fine // 5, 0.15, fine)
    expected = 0.85 * np.eye(4) + 0.15 * np.roll(np.eye(4), 1, axis=1)
    assert np.abs(noisy.realised_transition() - expected).max() < 1e-3


@pytest.mark.parametrize("kind", NOISES.entries())
def test_every_kind_describes_itself_with_its_bad_input(kind: str) -> None:
    said = describe("noise", kind)
    assert said.startswith(kind)
    assert "labels: int[N]" in said


def test_kinds_made_of_others_hand_on_what_a_data_set_supplies(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5000, 4))
    np.save(tmp_path / "fine.npy", LABELS * 5 + np.arange(5000) // 10 % 5)
    part = np.arange(0, 5000, 2)
    supplied = {"labels": LABELS[part], "num_classes": 12, "seed": 3, "features": x[part], "root": None, "positions": part}
    supplied["fine_labels"] = np.load(tmp_path / "fine.npy")[part]
    fine = f"subclass(rate=0.1, fine='{tmp_path}/fine.npy')"
    for text in (
        "on_classes(noise='instance:0.4', classes=(2, 4))",
        "chain(first='instance:0.2', second='instance:0.2')",
        "long_tailed(factor=0.5, noise='instance:0.4')",
        f'on_classes(noise="{fine}", classes=(2, 4))',
        f'long_tailed(factor=0.5, noise="{fine}")',
        "long_tailed(factor=0.5, noise='subclass:0.1')",
        "chain(first='subclass:0.1', second='on_classes(noise=\"subclass:0.1\", classes=(2, 4))')",
    ):
        made = NOISES.create(NOISES.parse(text), **supplied)
        assert made.num_classes == 12
        assert made.seed == 3
    with pytest.raises(TypeError, match="got colour"):
        restrict("symmetric:0.4", (2,), LABELS, colour=1)  # type: ignore[call-arg]


def test_an_unknown_kind_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="unknown noise 'salt'"):
        describe("noise", "salt")


def test_what_a_kind_needs_and_does_not_get_is_named() -> None:
    spec = NOISES.parse("instance:0.2")
    with pytest.raises(ValueError, match=r"noise 'instance:0\.2' needs features"):
        NOISES.create(spec, labels=LABELS, num_classes=10, seed=0, features=None)
    with pytest.raises(ValueError, match="needs features"):
        NOISES.create(spec, labels=LABELS)
    with pytest.raises(TypeError, match="got colour"):
        NOISES.create(spec, labels=LABELS, colour=1)
    made = NOISES.create(NOISES.parse("symmetric:0.2"), labels=LABELS, num_classes=10, seed=0, features=None, root="x")
    assert made == symmetric(LABELS, 0.2, 10)


def test_a_matrix_of_the_identity_flips_nothing() -> None:
    assert from_transition(LABELS, np.eye(10)).rate == 0
