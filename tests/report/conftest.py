"""A finished study with its report, for all tests of this folder, and a page with all figures."""

import contextlib
import io
from pathlib import Path

import pytest
from helpers_once import Once
from helpers_report import FEW, only_figures

from noisylab.cli import main

GRID = "--train-size 150 --epochs 4 --jobs 1 --device cpu --methods ce dlb --noise symmetric:0 symmetric:0.4 --seeds 2"


@pytest.fixture(scope="session")
def study(once: Once) -> Path:
    """A finished study with its report, of few figures. Not to be changed."""

    def fill(out: Path) -> None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
            only_figures(patch, *FEW)
            assert main(["sweep", *GRID.split(), "--out", str(out)]) == 0
            printed.truncate(0)
            printed.seek(0)
            assert main(["report", str(out)]) == 0
        assert printed.getvalue().startswith(str(out / "report.html"))

    return once("reported", fill)


@pytest.fixture(scope="session")
def whole_page(study: Path, once: Once) -> Path:
    """The page of the study with all figures, and without samples."""

    def fill(folder: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(["report", str(study), "--no-samples", "--out", str(folder / "report.html")]) == 0

    return once("whole_page", fill) / "report.html"
