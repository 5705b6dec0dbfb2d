"""The examples of the documentation do what they say."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import noisylab.corruption
from noisylab.core.registries import DATA_SETS, MODELS, NOISES, SCORES
from noisylab.core.specs import Registry

DOCS = Path(__file__).resolve().parents[1] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_examples_in_the_pages_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Examples write files.
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert tried
    assert not failed


def test_examples_in_the_package_run() -> None:
    failed, tried = doctest.testmod(noisylab.corruption)
    assert tried
    assert not failed


@pytest.mark.parametrize(("registry", "page"), [(MODELS, "models.md"), (DATA_SETS, "data.md")])
def test_every_network_and_data_set_is_documented_and_in_the_readme(registry: Registry[Any], page: str) -> None:
    for file in (DOCS / page, DOCS.parent / "README.md"):
        text = file.read_text(encoding="utf-8")
        assert not [name for name in registry.entries() if not re.search(rf"`{name}[`:(]", text)]


def test_every_kind_is_documented() -> None:
    text = (DOCS / "corruption.md").read_text(encoding="utf-8")
    assert (DOCS / "figures" / "corruption.png").is_file()
    assert not [name for name in NOISES.entries() if f"`{name}`" not in text]


def run(*arguments: str, path: Path, cwd: Path) -> str:
    """What Python says with `path` before everything else; in a process of its own, since methods register themselves."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    """The files in the page on adding a method."""
    text = (DOCS / "adding_a_method.md").read_text(encoding="utf-8")
    files = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, flags=re.DOTALL)
    for name, code in files:
        (tmp_path / name).write_text(code, encoding="utf-8")
    return {name: tmp_path / name for name, _ in files}


def test_the_method_of_the_page_trains_from_one_s_own_code(written: dict[str, Path], tmp_path: Path) -> None:
    assert list(written) == ["confidence_penalty.py", "train_it.py"]
    assert len(written["confidence_penalty.py"].read_text().splitlines()) <= 35
    said = run("train_it.py", path=DOCS.parent, cwd=tmp_path)
    (share,) = re.fullmatch(r"true labels predicted: (\d+)%\n", said).groups()  # type: ignore[union-attr]
    # Of the given labels, 60 % are true.
    assert int(share) > 80


def test_the_method_of_the_page_is_known_everywhere_once_its_file_is_in_the_package(
    written: dict[str, Path], tmp_path: Path
) -> None:
    for part in ("noisylab", "tests", "studies", "pyproject.toml"):
        copy = shutil.copytree if (DOCS.parent / part).is_dir() else shutil.copy
        copy(DOCS.parent / part, tmp_path / "copy" / part)  # type: ignore[operator]
    root = tmp_path / "copy"
    shutil.copy(written["confidence_penalty.py"], root / "noisylab" / "methods")
    listed = run("-m", "noisylab", "list", "methods", path=root, cwd=root)
    (line,) = [line for line in listed.splitlines() if line.startswith("confidence_penalty ")]
    assert "Pereyra et al., ICLR workshop 2017" in line
    described = run("-m", "noisylab", "list", "methods", "confidence_penalty", path=root, cwd=root)
    assert "weight  a finite number >= 0 (default: 0.1)" in described
    general = ["-m", "pytest", "tests/methods/test_methods.py", "-k", "confidence_penalty", "-p", "no:cacheprovider"]
    tests = run(*general, path=root, cwd=root)
    assert int(re.search(r"(\d+) passed", tests)[1]) >= 5  # type: ignore[index]


def test_every_score_is_documented() -> None:
    text = (DOCS / "analysis.md").read_text(encoding="utf-8")
    assert not [name for name in SCORES.entries() if f"| `{name}` |" not in text]
