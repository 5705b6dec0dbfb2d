"""A finished study with its report, for all tests of this folder."""

import os
from pathlib import Path

import pytest
from filelock import FileLock
from helpers_program import run

GRID = "--train-size 150 --epochs 4 --jobs 2 --device cpu --methods ce dlb --noise symmetric:0 symmetric:0.4 --seeds 2"


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with its report. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = base / "reported"
    with FileLock(base / "reported.lock"):
        if not (out / "report.html").exists():
            run("studies/noise_sweep.py", *GRID.split(), "--out", str(out))
            printed = run("-m", "noisylab", "report", str(out))
            assert printed.startswith(str(out / "report.html"))
    return out
