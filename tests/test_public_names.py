"""What each room shows: lazily, without torch where none is needed, and as its stub says."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import noisylab
from noisylab.core.registries import METHODS
from noisylab.core.stubs import PUBLIC, ROOT, stubs

ROOMS = ["noisylab", *(f"noisylab.{room}" for room in PUBLIC)]
NAMES = [(room, name) for room in ROOMS for name in importlib.import_module(room).__all__]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def test_the_stubs_are_up_to_date() -> None:
    stale = [str(path) for path, text in stubs().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run make stubs"


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_every_public_name_is_there_and_documented(room: str, name: str) -> None:
    held = getattr(importlib.import_module(room), name)
    assert not isinstance(held, ModuleType)
    assert inspect.getdoc(held)


# What a caller only receives or implements. Training methods are made by `create_method`, and `noisylab list` describes them.
RECEIVED = {"Batch", "Detection", "Diagnostics", "EpochSummary", "RunInfo", "Step", "TeacherProvider"}


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_every_public_name_has_an_example(room: str, name: str) -> None:
    held = getattr(importlib.import_module(room), name)
    if name not in RECEIVED | {entry.attribute for entry in METHODS.entries().values()}:
        assert "Example:\n" in (inspect.getdoc(held) or "")


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_is_named_like_a_name_of_its_room(room: str) -> None:
    module = importlib.import_module(room)
    assert not {found.name for found in pkgutil.iter_modules(module.__path__)} & set(module.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_examples_run(room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(room)
    finder, runner = doctest.DocTestFinder(recurse=True), doctest.DocTestRunner(optionflags=OPTIONS)
    examples = finder.find(module, room, globs={})
    for name in module.__all__:
        held = inspect.unwrap(getattr(module, name))
        examples += finder.find(held, name, module=False, globs=dict(vars(sys.modules[held.__module__])))
    for number, each in enumerate(examples):
        # A folder each, since several write one of the same name.
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        runner.run(each)
    assert not runner.summarize(verbose=False).failed


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_noisylab_is_light() -> None:
    code = "import numpy, sys, time; before = set(sys.modules); start = time.perf_counter(); import noisylab; "
    code += "took = time.perf_counter() - start; print(took); print(*(set(sys.modules) - before))"
    took, modules = zip(*(run(code).splitlines() for _ in range(5)), strict=True)
    assert min(map(float, took)) < 0.05
    assert {name for name in modules[0].split() if name.partition(".")[0] == "noisylab"} == {"noisylab"}


def test_corruption_needs_numpy_and_scipy_alone() -> None:
    run("""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        allowed = {"noisylab", "numpy", "scipy", "lazy_loader", *sys.stdlib_module_names}
        if name.partition(".")[0] not in allowed and not name.startswith("_"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import noisylab as nl
from noisylab import corruption
labels = [0, 1, 2, 3] * 50
for name in corruption.__all__:
    getattr(corruption, name)
noisy = nl.symmetric(labels, 0.4)
noisy.report()
features = [[float(place), 1.0] for place in range(200)]
nl.compose(nl.instance(labels, 0.3, features), "pair_flip:0.1")
noisy.wrap([(place, label) for place, label in enumerate(labels)])[3]
from noisylab.core.plugins import load_plugins
load_plugins()
assert not [name for name in sys.modules if name.startswith("noisylab.") and name.split(".")[1] not in ("core", "corruption")]
""")


def test_the_stub_of_the_package_names_its_version() -> None:
    assert "__version__: str" in (ROOT / "__init__.pyi").read_text()
    assert noisylab.__version__
