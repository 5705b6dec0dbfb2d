"""The comparison of methods as its users run it."""

import json
from pathlib import Path

import pandas
import pytest
from helpers_cli import noisylab
from helpers_program import run

from noisylab.core.registries import METHODS, NAMED_STUDIES

SMALL = "--train-size 120 --device cpu --noise symmetric:0.4"
TINY = f"{SMALL} --epochs 4 --seeds 2"


@pytest.mark.slow
def test_a_comparison_leaves_tables_ranks_and_says_where(tmp_path: Path) -> None:
    grid = f"{TINY} --recipe common --methods ce tf_kd_self ban"
    printed = run("studies/method_comparison.py", *grid.split(), "--jobs", "2", "--out", str(tmp_path), COLUMNS="80")
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    tables = {f"{name}.{kind}" for name in ("summary", "contrasts", "comparisons") for kind in ("csv", "md", "tex")}
    assert files - {".study.lock"} == {
        ".figures.json",
        "study.json",
        "results.csv",
        *tables,
        *(f"method_ranks.{kind}" for kind in ("png", "pdf", "csv", "tex")),
    }
    assert all(str(tmp_path / name) in printed for name in tables)
    results = pandas.read_csv(tmp_path / "results.csv")
    images = results.groupby("method")[["images_processed", "images_total"]].first()
    assert images["images_processed"].tolist() == [480] * 3
    # A teacher's training counts, though it is trained once for both methods, and so do its passes.
    assert images["images_total"].to_dict() == {"ce": 480, "tf_kd_self": 3 * 480, "ban": 3 * 480}
    teachers = [path.name.split("-")[0] for path in (tmp_path / ".teachers").iterdir()]
    assert teachers == ["ce", "ce"]
    comparisons = pandas.read_csv(tmp_path / "comparisons.csv")
    assert set(comparisons["baseline"]) == {"ce"}


def study(options: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The comparison in this process."""
    answer = noisylab(capsys, "sweep", "method_comparison", *options.split(), "--jobs", "1", "--out", out)
    assert answer.status == 0, answer


@pytest.mark.slow
def test_under_a_budget_of_compute_a_teacher_trains_as_long_as_its_student(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = f"{SMALL} --epochs 12 --seeds 2 --budget compute --recipe common --methods ce hinton_kd"
    study(options, tmp_path, capsys)
    results = pandas.read_csv(tmp_path / "results.csv").set_index("method")
    assert set(results.loc["hinton_kd", "epochs_trained"]) == {4}, "of three networks' images, two are the student's own step"
    assert set(results.loc["hinton_kd", "images_total"]) == set(results.loc["ce", "images_total"]) == {12 * 120}
    teachers = [json.loads(path.read_text()) for path in (tmp_path / ".teachers").glob("*/config.json")]
    assert [(teacher["budget"], teacher["training"]["epochs"]) for teacher in teachers] == [("epochs", 4)] * 2


@pytest.mark.slow
def test_teachers_take_the_common_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = f"{SMALL} --epochs 4 --seeds 1 --recipe common --methods ce hinton_kd@learning_rate=0.01"
    study(options, tmp_path, capsys)
    (teacher,) = (json.loads(path.read_text()) for path in (tmp_path / ".teachers").glob("*/config.json"))
    assert (teacher["method"], teacher["training"]["learning_rate"]) == ("ce()", 0.05)
    results = pandas.read_csv(tmp_path / "results.csv")
    assert results["method"].tolist() == ["ce", "hinton_kd@learning_rate=0.01"]
    assert results["comparison_key"].nunique() == 1


def test_every_method_is_compared_by_default_ce_first() -> None:
    grid = NAMED_STUDIES.load("method_comparison")().grid
    assert grid.methods[:5] == ("ce", "repeat", "dlb", "dlb(alpha=3)", "dlb(on='gce')")
    assert {METHODS.parse(method).name for method in grid.methods} == set(METHODS.entries())
    assert len(grid.methods) == len(METHODS.entries()) + 2
    assert (grid.recipe, grid.budget, grid.seeds) == ("both", "images", (0, 1, 2, 3, 4))
