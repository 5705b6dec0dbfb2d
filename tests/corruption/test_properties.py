"""What a record of any kind promises, made of others or not: the same for one seed, in range, counted, nested, saved."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from noisylab.corruption import (
    NoisyLabels,
    block,
    compose,
    empirical,
    from_pair,
    instance,
    long_tailed,
    margin,
    open_set,
    preset,
    restrict,
    subclass,
    symmetric,
)

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """A kind as a function of labels int64[N], the number of classes, rate and seed, and what it claims.

    nested: over rates, for one seed. per_class: every class flips as often as its matrix says, rounded up or down.
    """

    make: Callable[[Labels, int, float, int], NoisyLabels]
    nested: bool = True
    per_class: bool = True


def spec(name: str, rate: float, sampling: str = "exact_per_class") -> str:
    return f"{name}(rate={rate!r}, sampling={sampling!r})"


def tailed(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return long_tailed(labels, 0.3, spec("symmetric", rate), num_classes=classes, seed=seed)


def some_classes(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return restrict(spec("pair_flip", rate), (0, classes - 1), labels, num_classes=classes, seed=seed)


def both(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return compose(spec("pair_flip", rate), spec("symmetric", rate / 2), labels, num_classes=classes, seed=seed)


def grouped(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return block(labels, rate, [c // 2 for c in range(classes)], classes, seed=seed)


def again(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    # A source of another size, in which a class may be absent.
    source = symmetric(np.arange(40) % max(classes - 1, 2), rate, classes, sampling="iid")
    return empirical(labels, source, classes, seed=seed)


def code(source: Any, form: Any) -> Callable[[Labels, int, float, int], NoisyLabels]:
    def make(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
        if source == "sce" and form == "symmetric":
            # It wants equally many of every class.
            labels = np.arange(len(labels) // classes * classes + classes) % classes
        size = 10 if form == "asymmetric" else classes
        return preset(labels, rate, source, size, form=form, seed=seed)

    return make


def by_features(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return instance(labels, rate, np.random.default_rng(len(labels)).normal(size=(len(labels), 3)), classes, seed=seed)


def by_margin(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return margin(labels, rate, np.random.default_rng(1).dirichlet(np.ones(classes), len(labels)), classes, seed=seed)


def by_subclass(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return subclass(labels, rate, labels, classes, seed=seed)


def replaced(labels: Labels, classes: int, rate: float, seed: int) -> NoisyLabels:
    return open_set(labels, rate, 9, classes, open_share=0.5, seed=seed)


KINDS: dict[str, Kind] = {
    "block": Kind(grouped),
    # Its matrix has other targets at another rate.
    "empirical": Kind(again, nested=False),
    "long_tailed": Kind(tailed),
    "on_classes": Kind(some_classes),
    # How many flip twice is left to chance.
    "chain": Kind(both, nested=False, per_class=False),
    "dividemix": Kind(code("dividemix", "symmetric"), per_class=False),
    "dividemix, asymmetric": Kind(code("dividemix", "asymmetric"), per_class=False),
    "coteaching": Kind(code("coteaching", "symmetric"), per_class=False),
    "coteaching, pair": Kind(code("coteaching", "pair"), per_class=False),
    "sce": Kind(code("sce", "symmetric")),
    "sce, asymmetric": Kind(code("sce", "asymmetric")),
    "elr": Kind(code("elr", "symmetric"), per_class=False),
    # It flips in place.
    "elr, asymmetric": Kind(code("elr", "asymmetric"), nested=False, per_class=False),
    "instance": Kind(by_features),
    "margin": Kind(by_margin),
    "subclass": Kind(by_subclass),
    "open_set": Kind(replaced),
}

names = pytest.mark.parametrize("name", KINDS)
seeds, rates = st.integers(0, 2**40), st.floats(0, 1)
few = settings(max_examples=15)


@st.composite
def imbalanced(draw: st.DrawFn) -> tuple[Labels, int]:
    """Labels whose classes differ in size, some absent, in any order; and the number of classes."""
    sizes = draw(st.lists(st.integers(0, 30), min_size=2, max_size=8).filter(any))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(draw(st.integers(0, 1000))).permutation(labels), len(sizes)


@names
@few
@given(imbalanced(), rates, seeds)
def test_one_seed_gives_one_record_with_labels_in_range(name: str, data: tuple[Labels, int], rate: float, seed: int) -> None:
    first, second = (KINDS[name].make(*data, rate, seed) for _ in range(2))
    assert first == second
    assert (first.digest, first.seed) == (second.digest, seed)
    assert first.given.dtype == np.int64
    assert 0 <= first.given.min() <= first.given.max() < first.num_classes
    # Never flipped to the true class; but an image that is replaced keeps its label.
    there = np.zeros(len(first), bool) if first.replaced_by is None else first.replaced_by >= 0
    assert np.array_equal(first.mislabelled, (first.given != first.true) | there)
    assert (first.given == first.true)[there].all()
    if first.transition is not None:
        assert (first.transition[first.true, first.given] > 0).all()


@names
@few
@given(imbalanced(), rates, seeds)
def test_the_flips_are_as_many_as_asked_for(name: str, data: tuple[Labels, int], rate: float, seed: int) -> None:
    noisy = KINDS[name].make(*data, rate, seed)
    sizes = np.bincount(noisy.true, minlength=noisy.num_classes)
    flips = np.bincount(noisy.true[noisy.mislabelled], minlength=noisy.num_classes)
    if noisy.flip_probability is not None:
        expected = np.bincount(noisy.true, weights=noisy.flip_probability, minlength=noisy.num_classes)
    else:
        assert noisy.transition is not None
        expected = sizes * (1 - np.diagonal(noisy.transition))
    if KINDS[name].per_class:
        assert (np.abs(flips - expected) < 1 + 1e-6).all()
    elif noisy.parameters.get("sampling") == "redrawn":
        assert flips.sum() <= rate * len(noisy) + 1
    else:
        # Each class within what chance does to it: six standard deviations of independent draws.
        assert (np.abs(flips - expected) <= 6 * np.sqrt(expected * (1 - expected / np.maximum(sizes, 1)).clip(0)) + 8).all()


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.nested])
@few
@given(imbalanced(), rates, rates, seeds)
def test_flips_of_a_lower_rate_are_among_those_of_a_higher_rate(
    name: str, data: tuple[Labels, int], a: float, b: float, seed: int
) -> None:
    low, high = (KINDS[name].make(*data, rate, seed) for rate in sorted((a, b)))
    assert not (low.mislabelled & ~high.mislabelled).any()
    assert np.array_equal(low.given[low.mislabelled], high.given[low.mislabelled])
    if low.replaced_by is not None and high.replaced_by is not None:
        chosen = low.replaced_by >= 0
        assert np.array_equal(low.replaced_by[chosen], high.replaced_by[chosen])


@names
@few
@given(imbalanced(), rates, rates, seeds, seeds)
def test_digests_are_equal_where_labels_are(
    name: str, data: tuple[Labels, int], a: float, b: float, seed: int, other: int
) -> None:
    first, second = KINDS[name].make(*data, a, seed), KINDS[name].make(*data, b, other)
    assert (first.digest == second.digest) == np.array_equal(first.given, second.given)


@names
@settings(max_examples=5)
@given(imbalanced(), rates, seeds)
def test_what_is_saved_is_loaded(name: str, data: tuple[Labels, int], rate: float, seed: int) -> None:
    noisy = KINDS[name].make(*data, rate, seed)
    with tempfile.TemporaryDirectory() as folder:
        noisy.save(Path(folder) / "noise.npz")
        loaded = NoisyLabels.load(Path(folder) / "noise.npz")
    assert loaded == noisy
    assert (loaded.rate, loaded.digest, loaded.nominal_rate) == (noisy.rate, noisy.digest, noisy.nominal_rate)
    assert np.array_equal(loaded.realised_transition(), noisy.realised_transition(), equal_nan=True)


# What JSON, the header's format, may hold as a parameter.
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25)
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=50), st.dictionaries(st.sampled_from("abc"), plain), st.integers(0, 9)
)
def test_any_pair_of_labels_with_any_plain_parameters_is_saved_and_loaded(
    true: list[int], parameters: dict[str, Any], shift: int
) -> None:
    noisy = from_pair(true, [(label + shift) % 301 for label in true], 301, **parameters)
    with tempfile.TemporaryDirectory() as folder:
        noisy.save(Path(folder) / "noise.npz")
        loaded = NoisyLabels.load(Path(folder) / "noise.npz")
    assert loaded == noisy
    assert dict(loaded.parameters) == parameters
