"""The main job as its users run it: a command, a folder, a table, and the same command again."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from helpers_cli import noisylab
from helpers_once import Once

from noisylab.corruption import NoisyLabels
from noisylab.recording import load_dynamics

ROOT = Path(__file__).parents[2]
TIMINGS = ["seconds", "images_per_second"]
TINY = "--train-size 120 --epochs 4 --device cpu --jobs 2"
GRID = f"{TINY} --methods ce dlb --noise symmetric:0 symmetric:0.4 --seeds 1"
# Long enough that something is unfinished whenever it is killed.
LONGER = GRID.replace("--epochs 4", "--epochs 24").replace("symmetric:0 ", "symmetric:0.2 ").replace("--seeds 1", "--seeds 2")
COLUMNS = [
    *("id", "data", "model", "method", "noise", "nominal_rate", "realised_rate", "seed", "noise_seed", "epochs"),
    *("budget", "epochs_trained", "batch_entries", "updates", "images_processed", "images_total", "validation", "select"),
    *("test_size", "evaluate_every", "test_accuracy_last", "test_accuracy_last10", "test_accuracy_peak", "memorised"),
    *("consistency_clean", "consistency_mislabelled", "seconds", "images_per_second"),
]


def start(options: str, out: Path) -> subprocess.Popen[str]:
    """The study as a process group of its own."""
    command = [sys.executable, "studies/noise_sweep.py", *options.split(), "--out", str(out)]
    # A killed study cannot remove its temporary folder.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "TMPDIR": str(out.parent)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that are started in the background ignore interrupts, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    """What a study printed, apart from warnings of damaged runs; fails where it ended otherwise than expected."""
    out, err = process.communicate(timeout=300)
    return as_expected(out, err, process.returncode, status)


def as_expected(out: str, err: str, ended: int, status: int) -> str:
    err = "".join(line for line in err.splitlines(keepends=True) if not re.search(r" (is done|starts) again: ", line))
    assert ended == status, f"{out}\n{err}"
    assert "Traceback" not in out + err
    assert err == ""
    return out


def study(options: str, out: Path, status: int = 0) -> str:
    return finish(start(options, out), status)


Again = Callable[..., str]


@pytest.fixture
def again(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Again:
    """Runs the study in this process, for what needs none of its own: most of a small study's time is that of imports."""
    monkeypatch.setenv("COLUMNS", "80")

    def ran(options: str, out: Path, status: int = 0) -> str:
        answer = noisylab(capsys, "sweep", "noise_sweep", *options.replace("--jobs 2", "--jobs 1").split(), "--out", out)
        return as_expected(answer.out, answer.err, answer.status, status)

    return ran


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    """Return once the condition holds, or the process ended."""
    while not condition() and process.poll() is None:
        time.sleep(0.01)


def results_in(out: Path) -> list[Path]:
    return sorted(out.glob("*/result.json"))


def run_folders(out: Path) -> list[Path]:
    return sorted(path.parent for path in out.glob("[!.]*/config.json"))


def table_of(printed: str) -> str:
    """What is printed after the progress lines."""
    return printed[printed.index("\ndigits, ") :]


def untimed(path: Path) -> str:
    """A CSV as text, without its timing columns."""
    return pandas.read_csv(path, dtype=str).drop(columns=TIMINGS, errors="ignore").to_csv(index=False)


def numbers(out: Path) -> dict[str, Any]:
    """Everything in a study's folder that is not a time: texts and the bytes of arrays, by name."""
    found: dict[str, Any] = {
        name: untimed(out / name) for name in ("results.csv", "summary.csv", "contrasts.csv", "comparisons.csv")
    }
    for folder in run_folders(out):
        noisy = NoisyLabels.load(folder / "noise.npz")
        found[f"{folder.name}/labels"] = noisy.given.tobytes()
        found[f"{folder.name}/clean"] = noisy.true.tobytes()
        found[f"{folder.name}/metrics"] = untimed(folder / "metrics.csv")
        records = load_dynamics(folder)
        for name in map(str, [*records.data_vars, *records.coords]):
            found[f"{folder.name}/{name}"] = records[name].to_numpy().tobytes()
    return found


def modified(out: Path) -> dict[str, int]:
    """When each file of each run was written last; a lock says only that someone looked."""
    files = [path for folder in run_folders(out) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in files}


def shared_study(name: str, options: str, once: Once) -> tuple[Path, str]:
    """A study that is run once, and what it printed."""
    folder = once(name, lambda folder: (folder / "printed.txt").write_text(study(options, folder / "study")))
    return folder / "study", (folder / "printed.txt").read_text()


@pytest.fixture(scope="module")
def finished(once: Once) -> tuple[Path, str]:
    """A finished study, and what it printed. Not to be changed."""
    return shared_study("finished", GRID, once)


@pytest.fixture
def copy(finished: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the finished study, to be changed."""
    return Path(shutil.copytree(finished[0], tmp_path / "copy"))


@pytest.fixture(scope="module")
def uninterrupted(once: Once) -> dict[str, Any]:
    """The numbers of the longer study, run without any trouble."""
    return numbers(shared_study("uninterrupted", LONGER, once)[0])


# What a study leaves


def test_a_study_ends_with_a_table_and_says_where_everything_is(finished: tuple[Path, str]) -> None:
    printed = finished[1]
    assert printed.startswith("4 runs, 0 already done; 4 to do on 2 processes\n")
    for title in ("test accuracy", "peak", "memorised", "images", "updates", "DLB - CE"):
        assert title in table_of(printed)
    named = printed.partition("\nOne row per run, tables and figures:\n")[2].splitlines()
    assert named
    assert all(Path(path).is_file() for path in named)


def test_a_study_leaves_its_tables_and_figures_with_their_numbers(finished: tuple[Path, str]) -> None:
    out, _ = finished
    names = ("memorisation", "differences", "noise_robustness")
    figures = {f"{name}.{kind}" for name in names for kind in ("png", "pdf", "csv", "tex")}
    files = {path.name for path in out.iterdir() if path.is_file()}
    assert files - {".study.lock"} == {
        ".figures.json",
        "study.json",
        "results.csv",
        "summary.csv",
        "contrasts.csv",
        "comparisons.csv",
        *figures,
    }
    assert (out / "memorisation.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "memorisation.pdf").read_bytes().startswith(b"%PDF")


def test_a_run_leaves_exactly_its_files_and_the_result_last(finished: tuple[Path, str]) -> None:
    out, _ = finished
    for folder in run_folders(out):
        names = {path.name for path in folder.iterdir()}
        expected = {
            "config.json",
            "noise.npz",
            "metrics.csv",
            "predictions.npz",
            "dynamics.zarr",
            "checkpoint.pt",
            "result.json",
        }
        assert names - {".lock"} == expected | {"result.json"}
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) < 50
        assert not [path for path in files if path.name.endswith(".partial")]
        assert max(files, key=lambda path: path.stat().st_mtime_ns).name == "result.json"


def test_results_have_one_row_a_run_and_the_promised_columns(finished: tuple[Path, str]) -> None:
    out, _ = finished
    results = pandas.read_csv(out / "results.csv")
    assert set(COLUMNS) <= set(results.columns)
    assert sorted(results["id"]) == [folder.name for folder in run_folders(out)]
    assert set(results["epochs"]) == {4}
    assert results.groupby("method")["epochs_trained"].first().to_dict() == {"ce": 4, "dlb": 2}
    assert (results["test_accuracy_last"] <= results["test_accuracy_peak"]).all()
    assert results["test_accuracy_last10"].isna().all(), "there are no ten epochs"
    noisy = results["nominal_rate"] > 0
    assert (results.loc[noisy, "realised_rate"] - 0.4).abs().max() < 0.02
    assert results.loc[~noisy, "memorised"].isna().all()
    assert results.loc[noisy, "memorised"].between(0, 1).all()


def test_by_default_methods_get_equally_many_images(finished: tuple[Path, str]) -> None:
    results = pandas.read_csv(finished[0] / "results.csv").groupby("method")[["images_processed", "images_total"]].first()
    assert results.loc["ce"].tolist() == [4 * 120] * 2
    # The last new half of the last epoch has no batch after it.
    assert 4 * 120 - 32 <= results.loc["dlb", "images_processed"] == results.loc["dlb", "images_total"] < 4 * 120


def test_every_row_of_results_follows_from_the_files_of_its_run(finished: tuple[Path, str]) -> None:
    out, _ = finished
    for row in pandas.read_csv(out / "results.csv").to_dict("records"):
        metrics = pandas.read_csv(out / row["id"] / "metrics.csv")
        noisy, records = NoisyLabels.load(out / row["id"] / "noise.npz"), load_dynamics(out / row["id"])
        assert metrics["epoch"].tolist() == list(range(row["epochs_trained"]))
        assert row["test_accuracy_last"] == metrics["test_accuracy"].iloc[-1]
        assert row["test_accuracy_peak"] == metrics["test_accuracy"].max()
        assert row["realised_rate"] == noisy.rate
        assert row["images_processed"] == metrics["images"].sum()
        assert records["prediction"].sizes == {"epoch": row["epochs_trained"], "sample": 120}
        np.testing.assert_array_equal(records["given"], noisy.given)
        np.testing.assert_array_equal(records["mislabelled"], noisy.mislabelled)
        if noisy.rate:
            memorised = (records["prediction"][-1] == records["given"])[noisy.mislabelled].mean()
            assert row["memorised"] == pytest.approx(float(memorised))


def test_the_plotted_numbers_are_those_of_the_summary(finished: tuple[Path, str]) -> None:
    out, _ = finished
    summary, plotted = pandas.read_csv(out / "summary.csv"), pandas.read_csv(out / "noise_robustness.csv")
    shared, plotted = list(summary.columns), plotted[plotted["run"] == "mean"]
    pandas.testing.assert_frame_equal(
        # Rows of single runs have no counts, so a column of them holds floats.
        plotted[shared].astype(summary.dtypes).sort_values(["noise", "method"], ignore_index=True),
        summary.sort_values(["noise", "method"], ignore_index=True),
    )


# The same command again


@pytest.mark.slow
def test_the_same_command_again_trains_nothing_and_prints_the_same_table(
    finished: tuple[Path, str], copy: Path, again: Again
) -> None:
    before, numbers_before = modified(copy), numbers(copy)
    printed = again(GRID, copy)
    assert printed.startswith("4 runs, 4 already done; 0 to do")
    assert table_of(printed).replace(str(copy), "OUT") == table_of(finished[1]).replace(str(finished[0]), "OUT")
    assert modified(copy) == before
    assert numbers(copy) == numbers_before


@pytest.mark.slow
def test_another_seed_runs_only_what_is_new(copy: Path, again: Again) -> None:
    before = modified(copy)
    printed = again(GRID.replace("--seeds 1", "--seeds 2"), copy)
    assert printed.startswith("8 runs, 4 already done; 4 to do")
    assert {name: when for name, when in modified(copy).items() if name in before} == before
    assert len(results_in(copy)) == 8
    assert (pandas.read_csv(copy / "summary.csv")["n"] == 2).all()


@pytest.mark.slow
def test_a_damaged_run_is_done_again_with_the_same_numbers(copy: Path, again: Again) -> None:
    before, intact = numbers(copy), modified(copy)
    cut, rotten, lost, kept = run_folders(copy)
    result = (cut / "result.json").read_bytes()
    (cut / "result.json").write_bytes(result[: len(result) // 2])
    checkpoint = bytearray((rotten / "checkpoint.pt").read_bytes())
    checkpoint[len(checkpoint) // 2] ^= 1
    (rotten / "checkpoint.pt").write_bytes(checkpoint)
    (rotten / "result.json").unlink()
    shutil.rmtree(lost / "dynamics.zarr")
    (lost / "metrics.csv").write_text("epoch\n")
    (lost / ".result.json.0123.partial").write_text("{")
    assert again(GRID, copy).startswith("4 runs, 1 already done; 3 to do")
    assert numbers(copy) == before
    assert not list(lost.glob(".*.partial"))
    name = kept.name
    assert {n: t for n, t in modified(copy).items() if n.startswith(name)} == {
        n: t for n, t in intact.items() if n.startswith(name)
    }


@pytest.mark.slow
def test_a_smaller_grid_in_the_same_folder_shows_its_own_runs_alone(copy: Path, again: Again) -> None:
    printed = again(GRID.replace("--methods ce dlb", "--methods dlb"), copy)
    assert printed.startswith("2 runs, 2 already done")
    assert set(pandas.read_csv(copy / "summary.csv")["method"]) == {"dlb"}
    assert set(pandas.read_csv(copy / "results.csv")["method"]) == {"ce", "dlb"}


# Repeatability


@pytest.mark.slow
def test_two_studies_are_equal_to_the_bit_whatever_the_number_of_jobs(finished: tuple[Path, str], tmp_path: Path) -> None:
    out = tmp_path / "another"
    study(GRID.replace("--jobs 2", "--jobs 1"), out)
    assert numbers(out) == numbers(finished[0])
    for name in ("summary.csv", "comparisons.csv", "noise_robustness.csv", "memorisation.csv", "noise_robustness.png"):
        assert (out / name).read_bytes() == (finished[0] / name).read_bytes()


@pytest.mark.slow
def test_two_processes_in_one_folder_share_the_work(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "shared"
    printed = [finish(process) for process in [start(LONGER, out), start(LONGER, out)]]
    assert numbers(out) == uninterrupted
    assert table_of(printed[0]) == table_of(printed[1])
    # Whoever did not train a run took over what the other one wrote.
    done = [set(re.findall(r"\] (.*: test accuracy .* s\))", text)) for text in printed]
    times = {line.rsplit(" (", 1)[0]: line for line in done[0]}
    assert all(times.get(line.rsplit(" (", 1)[0], line) == line for line in done[1])


# Interruptions


@pytest.mark.slow
def test_a_study_killed_at_any_moment_goes_on_to_the_same_numbers(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    out, generator = tmp_path / "killed", random.Random(0)
    process = start(LONGER, out)
    wait_for(lambda: out.exists() and len(run_folders(out)) > 2, process)
    time.sleep(generator.uniform(0, 0.3))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = modified(out)
    complete = {path.parent.name for path in results_in(out)}
    study(LONGER, out)
    assert numbers(out) == uninterrupted
    assert not list(out.rglob("*.partial"))
    unchanged = {name for name, when in modified(out).items() if done.get(name) == when}
    assert complete == {name.split("/")[0] for name in unchanged if name.endswith("result.json")}


WORKER = "forkserver" if sys.platform == "linux" else "spawn_main"


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that train."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,pgid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    # On Linux, the first is the server that forks the others.
    of_study = sorted(int(pid) for pid, group, args in rows if int(group) == process.pid and WORKER in args)
    servers = of_study[:1] if WORKER == "forkserver" else []
    return [int(pid) for pid, group, args in rows if int(group) == process.pid and WORKER in args and int(pid) not in servers]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ps") is None, reason="the workers are found by ps")
def test_a_killed_worker_takes_no_other_run_with_it(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "worker"
    process = start(LONGER, out)
    wait_for(lambda: list(out.glob("*/config.json")), process)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    finish(process)
    assert numbers(out) == uninterrupted


def no_process_stays(process: subprocess.Popen[str]) -> bool:
    """Whether the whole group ends."""
    for _ in range(3000):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the runs", "during the runs"])
def test_an_interrupt_is_one_line_and_a_status_of_its_own(tmp_path: Path, moment: str) -> None:
    out = tmp_path / "interrupted"
    process = start(LONGER.replace("--epochs 24", "--epochs 2000"), out)
    wait_for((lambda: out.exists()) if moment == "before the runs" else (lambda: list(out.glob("*/config.json"))), process)
    os.killpg(process.pid, signal.SIGINT)
    printed = finish(process, status=130)
    assert printed.splitlines()[-1] == "interrupted; the same command again finishes what is missing"
    assert len(printed.splitlines()) <= 3
    assert not results_in(out)
    assert no_process_stays(process)


@pytest.mark.slow
def test_a_study_that_is_terminated_ends_its_workers(tmp_path: Path) -> None:
    out = tmp_path / "terminated"
    process = start(LONGER.replace("--epochs 24", "--epochs 2000"), out)
    wait_for(lambda: list(out.glob("*/config.json")), process)
    process.terminate()
    finish(process, status=143)
    assert not results_in(out)
    assert no_process_stays(process)


# Failures


@pytest.mark.slow
def test_runs_that_fail_are_named_and_the_status_says_so(tmp_path: Path, again: Again) -> None:
    out = tmp_path / "diverged"
    printed = again(f"{GRID} --learning-rate 1e30", out, status=1)
    failed = re.findall(r"^failed: (\S+): (.*)$", printed, flags=re.MULTILINE)
    assert sorted(name for name, _ in failed) == [folder.name for folder in run_folders(out)]
    assert all("loss" in reason for _, reason in failed)
    assert "nothing to show" in printed
    assert not results_in(out)


@pytest.mark.slow
def test_runs_that_fail_leave_the_others_and_what_is_missing_is_said(copy: Path, again: Again) -> None:
    broken = next(folder for folder in run_folders(copy) if folder.name.startswith("ce-symmetric-0.4"))
    shutil.rmtree(broken)
    # Where its folder should be there is something that cannot be one.
    broken.write_text("in the way")
    printed = again(GRID, copy, status=1)
    assert [line.split(":")[1].strip() for line in printed.splitlines() if line.startswith("failed")] == [broken.name]
    assert printed.endswith(f"\nNot run, and not in the tables and figures:\n{broken.name}\n")
    assert len(pandas.read_csv(copy / "summary.csv")) == 3


# Options that reach the runs


@pytest.mark.slow
def test_one_noise_seed_gives_all_seeds_the_same_labels(tmp_path: Path, again: Again) -> None:
    out = tmp_path / "noise_seed"
    again(f"{TINY} --methods ce --noise symmetric:0.4 --seeds 0 1 --noise-seed 7 --record eval", out)
    results = pandas.read_csv(out / "results.csv")
    assert results["noise_seed"].tolist() == [7, 7]
    labels = [NoisyLabels.load(folder / "noise.npz") for folder in run_folders(out)]
    assert labels[0] == labels[1]
    configs = [json.loads((folder / "config.json").read_text()) for folder in run_folders(out)]
    assert [config["record"] for config in configs] == ["eval", "eval"]
    assert load_dynamics(run_folders(out)[0]).attrs["record"] == "eval"
    # Two runs are of one method and one noise: there is nothing to compare, and the tables still come out.
    assert pandas.read_csv(out / "comparisons.csv").empty
