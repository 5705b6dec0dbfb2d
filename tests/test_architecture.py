"""Imports point one way: no circle, no arrow up, not even inside a function."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What import-linter says of the package in `folder`, by the contracts of the project."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_rooms_import_those_below_them_alone() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/seeds.py", "def later() -> None:\n    from noisylab.training import loop"),
        ("corruption/record.py", "def later() -> None:\n    import noisylab.data.image_data"),
        ("study/grid.py", "from noisylab.cli.ending import fail"),
    ],
)
def test_an_arrow_up_is_found_even_inside_a_function(file: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "noisylab", tmp_path / "noisylab", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "noisylab" / file).open("a") as source:
        source.write(f"\n\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
