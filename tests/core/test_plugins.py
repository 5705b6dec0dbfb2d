"""Plug-ins: what files of one's own register is named like what is built in."""

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from noisylab.core import plugins
from noisylab.core.plugins import load_plugins, loaded_plugins
from noisylab.core.registries import NOISES

KIND = '''
from numpy.typing import ArrayLike
from noisylab.core.checks import UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption import NoisyLabels, symmetric

DEFAULT = 0.5

class Marker: ...

@NOISES.register("my_kind", main="rate")
def my_kind(labels: ArrayLike, rate: UnitInterval = DEFAULT, *, seed: int = 0) -> NoisyLabels:
    """Half of it."""
    return symmetric(labels, rate / 2, seed=seed)
'''


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "my_kind.py"
    path.write_text(KIND)
    yield path
    for module, _ in plugins._loaded.values():
        plugins._forget(module)
    plugins._loaded.clear()


def test_a_kind_of_one_s_own_is_named_like_a_built_in_one(file: Path) -> None:
    load_plugins([file])
    assert NOISES.entries()["my_kind"].signature() == "my_kind(rate=0.5)"
    assert NOISES.create("my_kind:0.4", labels=np.arange(100) % 5).rate == pytest.approx(0.2)
    with pytest.raises(ValueError, match=r"rate must be a number in \[0, 1\], got 2"):
        NOISES.parse("my_kind:2")
    assert loaded_plugins() == {str(file): hashlib.sha256(file.read_bytes()).hexdigest()}


def test_importing_twice_does_no_harm_and_a_changed_file_is_loaded_anew(file: Path) -> None:
    load_plugins([file])
    load_plugins([file, str(file)])
    file.write_text(KIND.replace("DEFAULT = 0.5", "DEFAULT = 0.25"))
    load_plugins([file])
    assert NOISES.entries()["my_kind"].options["rate"].default == 0.25
    assert loaded_plugins() == {str(file): hashlib.sha256(file.read_bytes()).hexdigest()}


def test_what_a_plug_in_defines_can_be_pickled_into_another_process(file: Path, tmp_path: Path) -> None:
    load_plugins([file])
    (tmp_path / "it.pickle").write_bytes(pickle.dumps(sys.modules[NOISES.entries()["my_kind"].module].Marker()))
    code = "import pickle, sys; from noisylab.core.plugins import load_plugins; load_plugins([sys.argv[1]]); "
    code += "print(type(pickle.load(open(sys.argv[2], 'rb'))).__name__)"
    done = subprocess.run([sys.executable, "-c", code, file, tmp_path / "it.pickle"], capture_output=True, text=True)
    assert done.stdout == "Marker\n", done.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_thing", r"my_kind.py:1: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("x = 1\ndef f(:", r"my_kind.py:2: SyntaxError: invalid syntax"),
        ("x = 1\n\n1 / 0", r"my_kind.py:3: ZeroDivisionError: division by zero"),
        (
            KIND.replace('"my_kind"', '"symmetric"'),
            r"my_kind.py:11: noise 'symmetric' of .* registered already, at .*symmetric.py",
        ),
        (KIND.replace('main="rate"', 'main="zz"'), r"my_kind.py:\d+: main='zz' is no option of my_kind; its options are rate"),
        ("x = 1\nraise SystemExit(3)", r"my_kind.py:2: SystemExit: 3"),
        (KIND.replace(": UnitInterval", ""), r"option 'rate' of my_kind needs an annotation"),
    ],
)
def test_a_broken_file_is_one_line_that_names_file_and_line(file: Path, code: str, said: str) -> None:
    file.write_text(code)
    with pytest.raises(ValueError, match=said) as caught:
        load_plugins([file])
    assert "\n" not in str(caught.value)
    assert not loaded_plugins()
    assert "my_kind" not in NOISES.entries()


def test_the_same_name_in_two_files_names_both(file: Path) -> None:
    other = file.with_name("other.py")
    other.write_text("\n" + KIND)
    with pytest.raises(ValueError, match=r"my_kind' of .*other.py:12 is registered already, at .*my_kind.py:11"):
        load_plugins([file, other])


def test_a_missing_file_and_a_single_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no plug-in file .*nothing\.py"):
        load_plugins([tmp_path / "nothing.py"])
    with pytest.raises(ValueError, match=r"must be a list of files, got 'my.py'; write \['my.py'\]"):
        load_plugins("my.py")


def test_installed_packages_are_plug_ins_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.rename(tmp_path / "installed_kind.py")
    about = tmp_path / "installed_kind-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-kind\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[noisylab.plugins]\nmine = installed_kind\n")
    monkeypatch.syspath_prepend(tmp_path)
    load_plugins()
    assert "my_kind" in NOISES.entries()
    assert list(loaded_plugins()) == [str(tmp_path / "installed_kind.py")]
    (tmp_path / "installed_kind.py").write_text("1 / 0")
    del sys.modules["installed_kind"]
    with pytest.raises(ValueError, match=r"plug-in 'mine' \(installed_kind\) cannot be imported: ZeroDivisionError"):
        load_plugins()
