"""What is declared, pinned and shipped agrees."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import noisylab

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if not line.startswith("#")]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def pinned(name: str) -> Version:
    (pin,) = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(name)]
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_requirement_has_a_pin_that_satisfies_it(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pinned(requirement.name))


def test_every_pin_is_one_exact_version() -> None:
    names = [canonicalize_name(pin.name) for pin in PINS]
    assert len(names) == len(set(names))
    assert all(pinned(name) for name in names)


def test_torch_is_pinned_exactly_and_required_loosely() -> None:
    assert (pinned("torch"), pinned("torchvision")) == (Version("2.14.1"), Version("0.29.1"))
    bounds = {requirement.name: str(requirement.specifier) for requirement in REQUIREMENTS}
    assert (bounds["torch"], bounds["torchvision"]) == (">=2.11", ">=0.26")


def test_conda_and_pip_users_get_the_same() -> None:
    conda = [Requirement(entry) for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    # Python from conda, everything else from the same pins as make.
    assert {requirement.name: requirement.specifier for requirement in conda} == {
        "python": SpecifierSet(PROJECT["requires-python"]),
        "pip": SpecifierSet(""),
    }
    assert pip == ["--constraint constraints.txt", "--editable .[test]"]
    assert ENVIRONMENT["name"] == PROJECT["name"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "environment.yml", "Makefile"])
def test_nothing_names_a_place_to_install_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|git\+|@ *file|index-url|find-links|trusted-host", text)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("target", ["test", "sweep"])
def test_test_and_sweep_build_on_install(target: str) -> None:
    def planned(*targets: str) -> list[str]:
        done = subprocess.run(
            ["make", "--dry-run", "--no-print-directory", "VENV=.none", *targets], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    install, wanted = planned("install"), planned(target)
    assert any("--constraint constraints.txt" in line for line in install)
    assert wanted[: len(install)] == install
    assert "pytest" in wanted[-1] if target == "test" else "studies/noise_sweep.py" in wanted[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of a copy of the checkout, built as without a network."""
    source, target = tmp_path_factory.mktemp("build") / "noisylab", tmp_path_factory.mktemp("dist")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "runs", "dist", "build", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=lambda folder, names: ignored(folder, names) if Path(folder) == ROOT else set())
    shutil.copy(ROOT / ".gitignore", source)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_the_wheel_holds_the_package_alone_with_its_types_and_style(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith(f"noisylab-{noisylab.__version__}-py3-none-any")
    assert {"noisylab/py.typed", "noisylab/plotting/noisylab.mplstyle"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"noisylab", f"noisylab-{noisylab.__version__}.dist-info"}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "noisylab").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert not [name for name in names if "test" in name or "__pycache__" in name]


def test_the_sdist_holds_what_is_needed_to_run_and_test(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"studies/noise_sweep.py", "tests/test_packaging.py", "pyproject.toml", "constraints.txt", "README.md"} <= names
    assert {"Makefile", "environment.yml", "noisylab/py.typed", "noisylab/data/image_data.py"} <= names
    assert not [name for name in names if name.startswith(("runs/", ".venv", "dist/")) or "__pycache__" in name]


def test_the_wheel_works_outside_the_checkout(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path / "site")]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    code = """
import noisylab.cli.arguments, noisylab.plotting.style as style
from noisylab.corruption import symmetric
print(noisylab.__file__)
print(symmetric([0, 1, 2, 3] * 25, 0.4).rate)
with style.paper_style():
    print("dlb(temperature=3.0, alpha=1.0" in noisylab.cli.arguments.describe_specs())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(tmp_path / "site" / "noisylab" / "__init__.py"), "0.4", "True"]
