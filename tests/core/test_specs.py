"""The spec language: what can be written, what it means, and what is refused."""

import inspect
import re

import pytest

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.core.specs import Registry

REGISTRIES = [NOISES, DATA_SETS, AUGMENTATIONS, MODELS, METHODS]


@pytest.mark.parametrize(
    ("text", "canonical", "label", "family"),
    [
        ("symmetric:0.4", "symmetric(rate=0.4, include_true=False, sampling='exact_per_class')", "symmetric:0.4", "symmetric"),
        (
            "symmetric(rate=1, include_true=True)",
            "symmetric(rate=1.0, include_true=True, sampling='exact_per_class')",
            "symmetric(rate=1.0, include_true=True)",
            "symmetric(include_true=True)",
        ),
        (
            "asymmetric:0.2",
            "asymmetric(rate=0.2, mapping='digits', sampling='exact_per_class')",
            "asymmetric:0.2",
            "asymmetric",
        ),
        (
            "asymmetric(rate=0.2, mapping={3: 5})",
            "asymmetric(rate=0.2, mapping={3: 5}, sampling='exact_per_class')",
            "asymmetric(rate=0.2, mapping={3: 5})",
            "asymmetric(mapping={3: 5})",
        ),
    ],
)
def test_a_spec_binds_every_option_and_has_short_names(text: str, canonical: str, label: str, family: str) -> None:
    spec = NOISES.parse(text, {"mapping": "digits"})
    assert (str(spec), spec.label, spec.family) == (canonical, label, family)


def test_specs_inside_a_spec_are_what_they_would_be_by_themselves() -> None:
    defaults = {"mapping": "cifar10"}
    inner = str(NOISES.parse("asymmetric:0.4", defaults))
    spec = NOISES.parse("on_classes(noise='asymmetric:0.4', classes=[3, 5])", defaults)
    assert spec.options["noise"] == inner
    assert spec.label == "on_classes(noise='asymmetric:0.4', classes=(3, 5))"
    # Of the canonical text nothing is left open, at any depth.
    deep = NOISES.parse(f"chain(first={spec.label!r}, second='pair_flip:0.1')", defaults)
    assert str(NOISES.parse(str(deep))) == str(deep)
    assert str(NOISES.parse(deep.label, defaults)) == str(deep)
    assert [part.name for part in NOISES.parts(deep)] == ["chain", "on_classes", "asymmetric", "pair_flip"]
    assert str(NOISES.parts(deep)[2]) == inner


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ("asymmetric:0.4", "noise 'asymmetric:0.4': mapping is missing"),
        ("symetric:0.4", "unknown noise 'symetric' (did you mean 'symmetric'?)"),
        ("symmetric:40", "got 40; did you mean 0.4?"),
    ],
)
def test_what_is_wrong_inside_a_spec_is_said_when_it_is_read(noise: str, said: str) -> None:
    for text in (f"long_tailed(factor=0.1, noise={noise!r})", f"chain(first='symmetric:0', second={noise!r})"):
        with pytest.raises(ValueError, match=re.escape(said)):
            NOISES.parse(text)


@pytest.mark.parametrize(
    ("registry", "text"),
    [
        (METHODS, "dlb"),
        (METHODS, "dlb(alpha=3, temperature=4)"),
        (METHODS, "ce"),
        (MODELS, "small_cnn:32"),
        (DATA_SETS, "npz:some/path with (brackets):and.colons"),
        (AUGMENTATIONS, "crop(padding=2)"),
        (NOISES, "symmetric(rate=0.25, sampling='iid')"),
        (NOISES, "on_classes(noise='open_set(rate=0.1, outside=\"x.npy\")', classes=[1])"),
    ],
)
def test_the_canonical_text_and_the_label_mean_the_same_as_what_was_written(registry: Registry, text: str) -> None:  # type: ignore[type-arg]
    spec = registry.parse(text)
    assert str(registry.parse(str(spec))) == str(spec)
    assert str(registry.parse(spec.label)) == str(spec)


def test_a_list_will_do_for_a_tuple() -> None:
    written = NOISES.parse("on_classes(noise='symmetric:0.5', classes=[1, 2])")
    assert str(written) == str(NOISES.parse("on_classes(noise='symmetric:0.5', classes=(1, 2))"))


def test_defaults_do_not_change_what_is_written() -> None:
    assert (
        str(METHODS.parse("dlb")) == str(METHODS.parse("dlb(alpha=1)")) == "dlb(temperature=3.0, alpha=1.0, two_forward=False)"
    )


@pytest.mark.parametrize(
    ("registry", "text", "said"),
    [
        (METHODS, "dlbb", "unknown method 'dlbb' (did you mean 'dlb'?); choose from "),
        (NOISES, "dividemix:0.4", "(did you mean \"preset(rate=0.4, source='dividemix')\"?); choose from "),
        (NOISES, "elr(rate=0.4, form='pair')", "(did you mean \"preset(rate=0.4, form='pair', source='elr')\"?); choose from "),
        (NOISES, "elr", "(did you mean \"preset(source='elr')\"?); choose from "),
        (NOISES, "cifar10n_worse", '(did you mean "human:cifar10n_worse"?); choose from '),
        (NOISES, "symmetric:1.5", "rate must be a number in [0, 1], got 1.5"),
        (NOISES, "symmetric:nan", "rate must be a finite number in [0, 1], got 'nan'"),
        (NOISES, "symmetric", "rate is missing; write symmetric(rate, "),
        (NOISES, "symmetric(0.4)", "is not of the form"),
        (NOISES, "symmetric(rate=0.4", "is not of the form"),
        (NOISES, "symmetric(rate=0.1, rate=0.2)", "is not of the form"),
        (NOISES, "symmetric(rat=0.4)", "no option 'rat' (did you mean 'rate'?)"),
        (NOISES, "symmetric(rate=0.4, include_true=1)", "include_true must be True or False, got 1"),
        (
            NOISES,
            "symmetric(rate=0.4, sampling='floor')",
            "sampling must be one of 'iid', 'exact', 'exact_per_class', got 'floor'",
        ),
        (NOISES, "symmetric(rate=0.4, labels=[1])", "no option 'labels'"),
        (METHODS, "dlb(temperature=0)", "temperature must be a number > 0, got 0"),
        (METHODS, "dlb(alpha=-1)", "alpha must be a number >= 0, got -1"),
        (METHODS, "dlb:3", "takes no value after ':'"),
        (METHODS, "ce(alpha=1)", "ce has no option 'alpha'; it has no options"),
        (MODELS, "small_cnn:0", "width must be a number >= 1, got 0"),
        (MODELS, "small_cnn:1.5", "width must be a whole number >= 1, got 1.5"),
        (METHODS, "", "unknown method ''"),
    ],
)
def test_the_message_names_what_is_wrong(registry: Registry, text: str, said: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=re.escape(said)):
        registry.parse(text)


@pytest.mark.parametrize("value", ["__import__('os').system('true')", "(lambda: 1)()", "rate", "1 + 1", "[x for x in (1,)]"])
def test_nothing_but_literals_is_read(value: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        NOISES.parse(f"symmetric(rate={value})")


@pytest.mark.parametrize("registry", REGISTRIES)
def test_what_is_read_from_the_source_is_what_the_code_has(registry: Registry) -> None:  # type: ignore[type-arg]
    entries = registry.entries()
    assert entries
    for name, entry in entries.items():
        target = registry.load(name)
        parameters = {
            key: parameter.default
            for key, parameter in inspect.signature(target).parameters.items()
            if key not in registry.supplied and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        }
        assert {key: option.default for key, option in entry.options.items()} == parameters
        assert entry.summary == (inspect.getdoc(target) or "").split("\n")[0]
        assert entry.summary.endswith(".")


def test_a_registered_function_of_ones_own_is_known_by_name() -> None:
    registry: Registry = Registry("OWN", "thing", "noisylab.models", {"count"})  # type: ignore[type-arg]

    @registry.register("mine", main="size")
    def mine(count: int, *, size: float = 2.0) -> float:
        """Count times size."""
        return count * size

    assert registry.create(registry.parse("mine:3"), 2) == 6
    assert registry.entries()["mine"].signature() == "mine(size=2.0)"
