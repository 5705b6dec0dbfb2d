"""`noisylab status`, `doctor`, `clean` and `sweep --dry-run` of a study that went through something."""

import os
import shutil
import time
from pathlib import Path

import pytest
from filelock import FileLock
from helpers_cli import noisylab

from noisylab.study.progress import Notes, read_progress

GRID = ["--methods", "ce", "--noise", "symmetric:0.4", "--seeds", "2", "--train-size", "60", "--test-size", "30"]
SHORT = ["--epochs", "1", "--stack", "1", "--jobs", "1", "--model", "small_cnn(width=4)"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from faults.readers import small_plan

    from noisylab.study.runner import run_plan

    out = tmp_path_factory.mktemp("finished") / "study"
    run_plan(small_plan(epochs=2), out, jobs=1)
    return out


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "study")


def test_the_doctor_names_what_is_damaged_and_the_remedy(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = noisylab(capsys, "doctor", study)
    assert said.status == 0
    assert said.out.splitlines()[1:] == ["checked 4 finished runs: nothing is damaged"]
    run, other = sorted(path.parent for path in study.glob("ce*/result.json"))
    (run / "dynamics.zarr" / "given" / "c" / "0").unlink()
    shutil.copy(other / "checkpoint.pt", run / "checkpoint.pt")
    (study / "study.json").write_text("[]")
    answer = noisylab(capsys, "doctor", study)
    assert answer.status == 1
    assert f"damaged: {run.name}: checkpoint.pt, dynamics.zarr (given is not what was written); the same sweep" in answer.out
    assert "study.json' is damaged (it is no study); the same sweep writes it anew" in answer.out
    assert other.name not in answer.out


def test_clean_removes_leftovers_and_orphans_and_never_a_result(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = next(path.parent for path in study.glob("*/result.json"))
    orphan, foreign = study / "orphan", study / "foreign"
    shutil.copytree(run, orphan)
    (orphan / "result.json").unlink()
    shutil.copytree(run, foreign)
    left = study / ".results.csv.12.partial"
    left.touch()
    old = time.time() - 7200
    os.utime(left, (old, old))
    (run / ".metrics.csv.12.partial").touch()
    named = noisylab(capsys, "clean", study).out
    assert all(path.name in named for path in (orphan, left, run))
    assert orphan.is_dir()
    assert noisylab(capsys, "clean", study, "--yes").out.endswith("removed 3 leftovers\n")
    assert not orphan.exists()
    assert not left.exists()
    assert (foreign / "result.json").is_file()
    assert len(list(study.glob("*/result.json"))) == 5


def test_status_says_where_runs_are_and_how_long_the_rest_takes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert noisylab(capsys, "status", study).out == "4 done, of 4 runs\n"
    running, begun = sorted(path.parent for path in study.glob("dlb*/result.json"))
    for folder in (running, begun):
        (folder / "result.json").unlink()
    notes = Notes(running, 2)
    notes.note(1)
    with FileLock(running / ".lock"):
        out = noisylab(capsys, "status", study).out
    assert out.startswith("2 done, 1 running, 1 begun, of 4 runs\n")
    assert " of training left in 1 process\n" in out
    assert "about 0 s" not in out
    assert f"{running.name}: process {os.getpid()} on " in out
    assert "epoch 1 of 2" in out


def test_status_tells_where_a_run_that_is_begun_goes_on_and_counts_a_stack_as_one_process(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noisylab.study.states.seconds_left", lambda *_: 120.0)
    saved, unsaved, *stacked = sorted(path.parent for path in study.glob("*/result.json"))
    for folder in (saved, unsaved, *stacked):
        (folder / "result.json").unlink()
    # A process that was killed leaves the note of an epoch that is not saved.
    (unsaved / "checkpoint.pt").unlink()
    for folder in (unsaved, *stacked):
        Notes(folder, 2).note(1)
    with FileLock(stacked[0] / ".lock"), FileLock(stacked[1] / ".lock"):
        out = noisylab(capsys, "status", study).out
    assert out.startswith("2 running, 2 begun, of 4 runs\nabout 2 min of training left in 1 process\n")
    assert f"{saved.name}: epoch 2 of 2" in out
    assert f"{unsaved.name}: epoch 0 of 2" in out


def test_the_first_epochs_of_a_run_that_goes_on_are_noted_at_once(tmp_path: Path) -> None:
    notes = Notes(tmp_path, 60)
    for done in (0, 26, 27):
        notes.note(done)
    assert read_progress(tmp_path)["epoch"] == 26


def test_a_dry_run_says_what_there_is_to_do_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = noisylab(capsys, "sweep", *GRID, *SHORT, "--out", tmp_path / "new", "--dry-run").out
    assert out.startswith(f"2 runs, 0 already done, 2 to do in '{tmp_path / 'new'}'\n  ce: 2 runs\nabout ")
    # Not an epoch, which takes hours for a large network without a GPU.
    assert out.endswith(" judging by 3 steps of CE with the first run's network\n")
    assert not (tmp_path / "new").exists()
