"""A finished study with its report, for all tests of this folder."""

from pathlib import Path

import pytest
from helpers_once import Once
from helpers_program import run

GRID = "--train-size 150 --epochs 4 --jobs 2 --device cpu --methods ce dlb --noise symmetric:0 symmetric:0.4 --seeds 2"


@pytest.fixture(scope="session")
def study(once: Once) -> Path:
    """A finished study with its report. Not to be changed."""

    def fill(out: Path) -> None:
        run("studies/noise_sweep.py", *GRID.split(), "--out", str(out))
        printed = run("-m", "noisylab", "report", str(out))
        assert printed.startswith(str(out / "report.html"))

    return once("reported", fill)
