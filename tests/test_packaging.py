"""What is declared, pinned and shipped agrees."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from helpers_once import Once
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import noisylab
from noisylab.core.extras import EXTRAS as IMPORTED

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {name: [Requirement(text) for text in held] for name, held in PROJECT["optional-dependencies"].items()}


def expanded(requirements: list[Requirement]) -> list[Requirement]:
    """The requirements with those of the package's own extras in their place."""
    found = [requirement for requirement in requirements if requirement.name != "noisylab"]
    for extra in sorted(
        {extra for requirement in requirements if requirement.name == "noisylab" for extra in requirement.extras}
    ):
        found += expanded(EXTRAS[extra])
    return list({requirement.name: requirement for requirement in found}.values())


BASE = [Requirement(text) for text in PROJECT["dependencies"]]
REQUIREMENTS = [*BASE, *expanded(EXTRAS["test"])]
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


def test_the_base_install_is_small_and_every_extra_is_in_all() -> None:
    assert {requirement.name for requirement in BASE} == {"lazy_loader", "numpy", "scipy", "tyro"}
    assert {r.name for r in expanded(EXTRAS["all"])} == {
        r.name for name, held in EXTRAS.items() if name not in ("all", "docs", "test") for r in expanded(held)
    }


def test_whatever_the_package_imports_is_in_the_base_install_or_named_with_its_extra() -> None:
    # What is imported is called otherwise than what is installed.
    called = {"scikit-learn": "sklearn", "scikit-posthocs": "scikit_posthocs", "pillow": "PIL", "lazy_loader": "lazy_loader"}
    installed = {
        called.get(r.name, r.name): name for name, held in EXTRAS.items() if name not in ("all", "docs", "test") for r in held
    }
    assert {module: extra for module, extra in installed.items() if module != "noisylab"} == IMPORTED
    base = {called.get(requirement.name, requirement.name) for requirement in BASE}
    imported = set()
    for path in (ROOT / "noisylab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).split(".")[0])
    assert imported - base - set(IMPORTED) - sys.stdlib_module_names == {"noisylab"}


def test_the_metadata_is_complete() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (noisylab.__version__, PROJECT["license"])
    assert PROJECT["authors"] == [{"name": citation["authors"][0]["name"]}]
    assert PROJECT["scripts"] == {"noisylab": "noisylab.cli:main"}
    assert {"authors", "classifiers", "description", "keywords", "readme", "requires-python"} <= set(PROJECT)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]


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
    assert ("pytest" if target == "test" else "noisylab sweep") in wanted[-1]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("target", ["figures", "report", "stubs", "format"])
def test_the_other_targets_install_nothing_and_say_what_to_do(target: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", f"VENV={tmp_path / 'none'}", target], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "run make install first" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def built(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of a copy of the checkout, built as without a network."""
    return once("dist", lambda target: build(tmp_path_factory.mktemp("build") / "noisylab", target))


def build(source: Path, target: Path) -> None:
    ignored = shutil.ignore_patterns(".*", "__pycache__", "runs", "dist", "build", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=lambda folder, names: ignored(folder, names) if Path(folder) == ROOT else set())
    shutil.copy(ROOT / ".gitignore", source)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


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


def fresh_environment(folder: Path) -> Path:
    """A new virtual environment, and the folder of its programs."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def call(*command: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program as someone would that has no checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_wheel_alone_corrupts_labels(built: Path, tmp_path: Path) -> None:
    programs = fresh_environment(tmp_path / "fresh")
    (wheel,) = built.glob("*.whl")
    constraints = ("--constraint", ROOT / "constraints.txt")
    installed = call(programs / "python", "-m", "pip", "install", "--quiet", *constraints, wheel, cwd=tmp_path)
    if "Could not find a version" in installed.stderr or "No matching distribution" in installed.stderr:
        pytest.skip("the package registry cannot be reached")
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "labels.txt").write_text("0\n1\n2\n3\n" * 25)
    options = "--labels labels.txt --noise symmetric:0.4 --out given.csv"
    done = call(programs / "noisylab", "corrupt", *options.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "realised rate 0.4000" in done.stdout
    assert len((tmp_path / "given.csv").read_text().splitlines()) == 101
    listed = call(programs / "python", "-m", "noisylab", "list", "methods", "dlb", cwd=tmp_path)
    assert listed.stdout.startswith("dlb(temperature=3.0"), listed.stderr
    lacking = call(programs / "noisylab", "sweep", cwd=tmp_path)
    assert lacking.returncode == 2
    assert 'pip install "noisylab[study]"' in lacking.stderr


@pytest.mark.slow
def test_the_wheel_with_what_a_study_needs_runs_a_sweep(built: Path, tmp_path: Path) -> None:
    programs = fresh_environment(tmp_path / "fresh")
    (wheel,) = built.glob("*.whl")
    install = (programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    assert call(*install, wheel, cwd=tmp_path).returncode == 0
    # torch is large: what the wheel needs is that of this environment, and the wheel stands before it.
    (site,) = (tmp_path / "fresh").rglob("site-packages")
    (site / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    options = "--methods ce dlb --noise symmetric:0.4 --seeds 2 --epochs 2 --train-size 120 --jobs 2 --device cpu --out out"
    done = call(programs / "noisylab", "sweep", *options.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len((tmp_path / "out" / "results.csv").read_text().splitlines()) == 5
    code = "import noisylab, noisylab.plotting.style as style; print(noisylab.__file__, style.paper_style().__enter__())"
    imported = call(programs / "python", "-c", code, cwd=tmp_path)
    assert imported.stdout.startswith(str(site / "noisylab")), imported.stderr
