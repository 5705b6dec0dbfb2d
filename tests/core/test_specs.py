"""The spec language: what can be written, what it means, and what is refused."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from noisylab.core.checks import Bound, UnitInterval
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, FIGURES, METHODS, MODELS, NAMED_STUDIES, NOISES, REGISTRIES
from noisylab.core.signatures import REQUIRED, CallerArgs, _source, read_entries
from noisylab.core.specs import Registry, _example, parse_assignments, split_assignment, split_outside
from noisylab.corruption import symmetric


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
    assert [part.name for part in NOISES.nested_specs(deep)] == ["chain", "on_classes", "asymmetric", "pair_flip"]
    assert str(NOISES.nested_specs(deep)[2]) == inner


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
        (AUGMENTATIONS, "crop(padding=2)"),
        (NOISES, "symmetric(rate=0.25, sampling='iid')"),
        (NOISES, "on_classes(noise='symmetric(rate=0.1)', classes=[1])"),
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
    assert str(METHODS.parse("lwr")) == str(METHODS.parse("lwr(k=5)")) == "lwr(k=5, temperature=5.0, weight=0.75)"
    # A spec in a spec is written out too, and its label leaves out what is the default.
    spec = METHODS.parse("dlb(on='ce')")
    assert str(spec) == str(METHODS.parse("dlb")) == "dlb(temperature=3.0, alpha=1.0, two_forward=False, on='ce()')"
    assert spec.label == "dlb"
    assert METHODS.parse("dlb(on='gce(q=0.7)')").label == "dlb(on='gce')"


@pytest.mark.parametrize(
    ("registry", "text", "said"),
    [
        (METHODS, "dlbb", "unknown method 'dlbb' (did you mean 'dlb'?); choose from "),
        (METHODS, "DLB", "unknown method 'DLB' (did you mean 'dlb'?)"),
        (METHODS, "dlb(alpha=3),ce", "is a list; write the methods apart, without commas: dlb(alpha=3) ce"),
        (DATA_SETS, "./mine.npz", "unknown data set './mine.npz'; a path is written npz:PATH; choose from "),
        (DATA_SETS, "C:\\images", "a path is written folder:PATH or hf:PATH or npz:PATH or saved:PATH"),
        (
            DATA_SETS,
            "npz(path=mine.npz)",
            '; write npz:PATH without quotes, or npz(path="PATH") with quotes that PATH does not',
        ),
        (DATA_SETS, "/x" * 3000, "a path is written"),
        (DATA_SETS, "flder:/x/y", "unknown data set 'flder' (did you mean 'folder'?); choose from "),
        (NOISES, "dividemix:0.4", "(did you mean \"preset(rate=0.4, source='dividemix')\"?); choose from "),
        (NOISES, "elr(rate=0.4, form='pair')", "(did you mean \"preset(rate=0.4, form='pair', source='elr')\"?); choose from "),
        (NOISES, "elr", "(did you mean \"preset(source='elr')\"?); choose from "),
        (NOISES, "cifar10n_worse", '(did you mean "human:cifar10n_worse"?); choose from '),
        (NOISES, "symmetric:1.5", "rate must be a number in [0, 1], got 1.5"),
        (NOISES, "symmetric:nan", "rate must be a finite number in [0, 1], got 'nan'"),
        (NOISES, "symmetric", "rate is missing; write symmetric:0.4"),
        (NOISES, "asymmetric", 'rate is missing; write "asymmetric(rate=0.4, mapping={0: 1})"'),
        (NOISES, "chain:a,b", "takes no value after ':'; write \"chain(first='pair_flip:0.2', second='symmetric:0.1')\""),
        (NOISES, "pair:0.4", "unknown noise 'pair' (did you mean 'pair_flip'?)"),
        (NOISES, "pairs:0.4", "unknown noise 'pairs' (did you mean 'pair_flip'?)"),
        (NOISES, "pairflip:0.4", "unknown noise 'pairflip' (did you mean 'pair_flip'?)"),
        (METHODS, "dbl", "unknown method 'dbl' (did you mean 'dlb'?)"),
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


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.variable)
def test_what_is_read_from_the_source_is_what_the_code_has(registry: Registry[Any]) -> None:
    scanned = read_entries(registry.package, registry.variable, registry._caller)
    assert scanned or registry in (FIGURES, NAMED_STUDIES)
    for name in scanned:
        registry.load(name)
    assert {name: registry.entries()[name] for name in scanned} == {n: registry._complete(e) for n, e in scanned.items()}
    for entry in scanned.values():
        assert entry.summary.endswith((".", "?"))
        assert not [key for key, option in entry.options.items() if option.annotation is Any]


def test_a_registered_function_of_ones_own_is_known_by_name() -> None:
    registry: Registry = Registry("OWN", "thing", "noisylab.models", {"count"})  # type: ignore[type-arg]

    @registry.register("mine", main="size")
    def mine(count: int, *, size: float = 2.0) -> float:
        """Count times size."""
        return count * size

    assert registry.create(registry.parse("mine:3"), 2) == 6
    assert registry.entries()["mine"].signature() == "mine(size=2.0)"


def test_a_spec_can_be_given_where_its_text_can() -> None:
    spec = NOISES.parse("symmetric:0.4")
    assert NOISES.parse(spec) is spec
    assert NOISES.create("symmetric:0.4", labels=[0, 1] * 50) == NOISES.create(spec, labels=[0, 1] * 50)
    with pytest.raises(ValueError, match=r"a noise must be a string such as 'asymmetric', got 0\.4"):
        NOISES.parse(0.4)  # type: ignore[arg-type]


def test_python_refuses_what_the_command_line_refuses() -> None:
    with pytest.raises(ValueError, match="include_true must be True or False, got 'no'"):
        symmetric([0, 1] * 50, 0.4, include_true="no")  # type: ignore[arg-type]
    assert symmetric([0, 1] * 50, 0.4, include_true=np.True_) == symmetric([0, 1] * 50, 0.4, include_true=True)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: str(registry.variable))
def test_the_advised_example_of_every_name_is_a_valid_spec(registry: Registry[Any]) -> None:
    for name, entry in registry.entries().items():
        assert registry.parse(_example(entry).strip('"')).name == name


def test_what_cannot_be_registered_is_refused_at_once() -> None:
    def mine(rate: float = 1.0) -> None: ...

    for register, said in [
        (lambda: METHODS.register(mine), r"write @METHODS.register\('mine'\)"),
        (lambda: METHODS.register("my kind")(mine), r"test_specs.py:\d+: a name must be made of letters.*, got 'my kind'"),
        (lambda: METHODS.register("mine", main="zz")(mine), r"\d+: main='zz' is no option of mine; its options are rate"),
        (lambda: FIGURES.register("mine")(mine), r"\d+: write @FIGURES.register\('mine', caption=...\)"),
    ]:
        with pytest.raises(ValueError, match=said):
            register()  # type: ignore[no-untyped-call]


def test_an_entry_that_makes_something_else_is_refused() -> None:
    registry: Registry[Any] = Registry("OWN", "noise", "noisylab.models", makes="NoisyLabels")
    registry.register("three")(lambda: 3)
    with pytest.raises(ValueError, match="noise 'three' must return NoisyLabels, got 3"):
        registry.create("three")


def test_the_place_of_a_class_is_not_that_of_its_base() -> None:
    class Base:
        def __init__(self) -> None: ...

    registry: Registry[Any] = Registry("OWN", "thing", "noisylab.models")

    @registry.register("derived")
    class Derived(Base): ...

    line = inspect.getsourcelines(Derived)[1]
    assert registry.entries()["derived"].place.endswith(f"test_specs.py:{line}")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match=r"of .*test_specs.py:\d+ is registered already, at .*symmetric.py:\d+"):

        @NOISES.register("symmetric")
        def mine() -> None:
            """Mine."""


PACKAGE = """
from __future__ import annotations

from typing import Annotated, Literal

from noisylab.core.checks import Bound, UnitInterval
from own_package.aliases import Mode

DEFAULT = 0.4


@THINGS.register("mine", main="rate", caption=CAPTION)
def mine(count: int, rate: UnitInterval = DEFAULT, *, mode: Mode = "a", share: "Annotated[float, Bound(gt=0)] | None" = None):
    'Mine.'


@THINGS.register("base")
class Base:
    'A base.'

    def __init__(self, mode: Mode) -> None: ...


@THINGS.register("derived")
class Derived(Base):
    'What the base takes.'


CAPTION = "words"
"""


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own_package" / "things" / "inside"
    folder.mkdir(parents=True)
    (tmp_path / "own_package" / "aliases.py").write_text("from typing import Literal\nMode = Literal['a', 'b']\n")
    (tmp_path / "own_package" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("noisylab.core.signatures._source", _source.__wrapped__)
    return folder / "file.py"


def test_constants_aliases_postponed_annotations_sub_folders_and_bases_are_read(own_package: Path) -> None:
    own_package.write_text(PACKAGE)
    entries = read_entries("own_package.things", "THINGS", CallerArgs(frozenset({"count"})))
    mine, mode = entries["mine"], Literal["a", "b"]
    assert {key: (option.annotation, option.default) for key, option in mine.options.items()} == {
        "rate": (UnitInterval, 0.4),
        "mode": (mode, "a"),
        "share": (Annotated[float, Bound(gt=0)] | None, None),
    }
    assert (mine.main, mine.facts, mine.module) == ("rate", {"caption": "words"}, "own_package.things.inside.file")
    assert entries["base"].options == entries["derived"].options
    assert entries["base"].options["mode"].default is REQUIRED


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(rate: Unknown = 1): ...", "file.py:2: the annotation of rate of x is 'Unknown', which cannot be read"),
        ("def f(rate: int = N): ...", "file.py:2: the default of rate of x is 'N', which cannot be read"),
        ("def f(rate: int = len('a')): ...", "file.py:2: the default of rate of x is \"len('a')\", which cannot be read"),
        ("def f(rate=1): ...", "file.py:2: option 'rate' of x needs an annotation"),
        ("@dataclass\nclass F: ...", "file.py:3: F must have an __init__, so that its options can be read"),
        ("def f(): ...\n@T.register('x')\ndef g(): ...", "'x' is registered already, at "),
        ("def f(): ...\n@T.register\ndef g(): ...", "file.py:3: write @T.register('g')"),
        (
            "def f(): ...\n@T.register('g', main='zz')\ndef g(): ...",
            "file.py:4: main='zz' is no option of g; it has no options",
        ),
        ("def f(): ...\n@T.register('a b')\ndef g(): ...", "file.py:4: a name must be made of letters"),
        ("class F:\n    @T.register('y')\n    def g(self): ...", "file.py:4: g must be registered at the top level"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_file_and_line(own_package: Path, code: str, said: str) -> None:
    own_package.write_text(f"@T.register('x')\n{code}\n")
    with pytest.raises(ValueError, match=re.escape(said)):
        read_entries("own_package.things", "T", CallerArgs(frozenset()))


def test_reading_signatures_imports_no_torch() -> None:
    code = "import sys\nfrom noisylab.core.registries import REGISTRIES\n[r.entries() for r in REGISTRIES]\n"
    subprocess.run(
        [sys.executable, "-c", code + "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"], check=True
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("dlb(alpha=1, temperature=2), ce", ["dlb(alpha=1, temperature=2)", "ce"]),
        (
            "chain(first='a,b', second=\"c)d\"),x[1,2],{3: 4, 5: 6}",
            ["chain(first='a,b', second=\"c)d\")", "x[1,2]", "{3: 4, 5: 6}"],
        ),
        ("a,,b,", ["a", "", "b", ""]),
    ],
)
def test_texts_are_split_outside_brackets_and_quotes(text: str, parts: list[str]) -> None:
    assert split_outside(text) == parts


def test_assignments_hold_literals_and_strings() -> None:
    texts = ["batch_size=32,64", 'method="dlb(alpha=1)", ce', "noise=symmetric(rate=0.4)", "augment=none", "flip=True"]
    assert parse_assignments(texts) == {
        "batch_size": (32, 64),
        "method": ("dlb(alpha=1)", "ce"),
        "noise": ("symmetric(rate=0.4)",),
        "augment": ("none",),
        "flip": (True,),
    }
    assert split_assignment("dlb(alpha=3)=Ben's DLB, alpha 3") == ("dlb(alpha=3)", "Ben's DLB, alpha 3")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["epochs"], "must be of the form KEY=VALUE,VALUE,..., got 'epochs'"),
        (["epochs=3,"], "must be of the form KEY=VALUE,VALUE,..., got 'epochs=3,'"),
        (["epochs=3", "epochs=4,5"], "epochs is given twice; write epochs=3,4,5"),
        (["noise=chain(first='a'"], "lacks a closing )"),
    ],
)
def test_assignments_of_another_form_are_refused(texts: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_assignments(texts)
