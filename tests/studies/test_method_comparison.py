"""The comparison of methods as its users run it."""

import os
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

from noisylab.core.registries import METHODS, NAMED_STUDIES

ROOT = Path(__file__).parents[2]
TINY = "--train-size 120 --epochs 2 --jobs 2 --device cpu --seeds 2"


def study(options: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "studies/method_comparison.py", *options.split()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.mark.slow
def test_a_comparison_leaves_tables_ranks_and_says_where(tmp_path: Path) -> None:
    grid = f"{TINY} --methods ce tf_kd_self ban --noise symmetric:0.4"
    printed = study(f"{grid} --out {tmp_path}")
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    tables = {f"{name}.{kind}" for name in ("summary", "differences") for kind in ("csv", "md", "tex")}
    assert files - {".study.lock"} == {
        "study.json",
        "results.csv",
        *tables,
        *(f"method_ranks.{kind}" for kind in ("png", "pdf", "csv")),
    }
    assert all(str(tmp_path / name) in printed for name in tables)
    results = pandas.read_csv(tmp_path / "results.csv")
    images = results.groupby("method")["images_processed"].first()
    # A teacher's training is paid for, though it is trained once for both methods and seeds have their own.
    assert images["tf_kd_self"] == images["ban"] == 2 * images["ce"] == 480
    teachers = [path.name.split("-")[0] for path in (tmp_path / ".teachers").iterdir()]
    assert teachers == ["ce", "ce"]
    differences = pandas.read_csv(tmp_path / "differences.csv")
    assert set(differences["baseline"]) == {"ce"}


def test_every_method_is_compared_by_default_ce_first() -> None:
    methods = NAMED_STUDIES.load("method_comparison")().grid.methods
    assert methods[:3] == ("ce", "repeat", "dlb")
    assert sorted(methods) == list(METHODS.entries())
