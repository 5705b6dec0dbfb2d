"""The scripts of docs/clusters.md on a Slurm of two nodes: each study has the bits of a local one, and no run is done twice."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers_engines import SLOW_METHOD, started
from same_bits import differences

sys.path.insert(0, str(Path(__file__).parent))
from slurm_here import Slurm, lacking

pytest.importorskip("distributed")

ROOT = Path(__file__).parents[2]
RUNS = 6
STUDY = f"""
methods = ["slow_ce"]
noise = ["symmetric:0.4"]
seeds = {RUNS}
epochs = 6
train_size = 400
stack = 1
plugins = ["slow_ce.py"]
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(lacking()), reason=f"there is no Slurm: {lacking()}")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts of the page, and a local study to compare with."""
    folder = tmp_path_factory.mktemp("shared")
    page = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    for start, name, rest in re.findall(r"```bash\n((?:#![^\n]*\n)?)# (\w+\.sh)\n(.*?)```", page, flags=re.DOTALL):
        text = rest.replace("/shared", str(folder)).replace("--array=1-20", "--array=1-2").replace("--array=0-4", "--array=0-1")
        (folder / name).write_text((start or "#!/bin/bash\n") + text)
    (folder / "study.toml").write_text(STUDY)
    (folder / "slow_ce.py").write_text(SLOW_METHOD)
    os.environ.update(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", STARTS=str(folder / "starts"))
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "noisylab", "sweep", "--config", "study.toml", "--out", "local", "--jobs", "2"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def slurm(shared: Path) -> Iterator[Slurm]:
    slurm = Slurm(shared / "slurm")
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture
def out(shared: Path) -> Iterator[Path]:
    """The folder that the scripts write, which is new for each."""
    (shared / "starts").unlink(missing_ok=True)
    out = shared / "runs" / "mine"
    yield out
    if out.exists():
        out.rename(shared / f"done-{len([*shared.glob('done-*')])}")


def requeue_in_the_middle(slurm: Slurm, shared: Path, out: Path, job: str) -> None:
    """Requeue a job once some runs are done and others are at work."""

    def at_work() -> bool:
        done = len([*out.glob("*/result.json")])
        return 1 <= done <= RUNS - 2 and started(shared / "starts") > done

    slurm.wait_for(at_work, "runs")
    assert slurm.ask("scontrol", "requeue", job) == ""
    # Slurm would wait for two minutes.
    slurm.wait_for(lambda: "PENDING" in slurm.jobs(job), "the requeued job")
    slurm.ask("scontrol", "update", f"JobId={job}", "StartTime=now")


def check(shared: Path, out: Path, stopped: int) -> None:
    """The study is whole, and no more runs were started again than were stopped."""
    assert differences(shared / "local", out, {}, new_ids=False) == ([], [])
    starts = started(shared / "starts")
    print(f"{out}: {starts} starts of {RUNS} runs")
    assert RUNS <= starts <= RUNS + stopped
    assert not [*out.rglob("progress.json")]


def logs(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("slurm-*.out")))


def test_an_array_of_the_same_command(slurm: Slurm, shared: Path, out: Path) -> None:
    job = slurm.submit(shared / "array.sh")
    requeue_in_the_middle(slurm, shared, out, f"{job}_1")
    slurm.wait_for(lambda: not slurm.jobs(job), "the array")
    check(shared, out, stopped=1)


def test_dask_inside_one_job_of_two_nodes(slurm: Slurm, shared: Path, out: Path) -> None:
    job = slurm.submit(shared / "dask_job.sh")
    requeue_in_the_middle(slurm, shared, out, job)
    slurm.wait_for(lambda: not slurm.jobs(job), "the job")
    check(shared, out, stopped=2)
    assert f"{RUNS} to do on" in logs(shared)


def test_dask_workers_by_array(slurm: Slurm, shared: Path, out: Path) -> None:
    study = subprocess.Popen(["bash", "scheduler.sh"], cwd=shared, env=slurm.environment)
    try:
        # %F is the array's number; %A would be that of one element, which is another one for all elements but one.
        slurm.wait_for(lambda: slurm.ask("squeue", "--noheader", "--format=%F"), "the workers")
        job = slurm.ask("squeue", "--noheader", "--format=%F").split()[0]
        requeue_in_the_middle(slurm, shared, out, f"{job}_1")
        assert study.wait(timeout=600) == 0
    finally:
        # Its scheduler ends with it.
        study.terminate()
        slurm.ask("scancel", job)
    slurm.wait_for(lambda: not slurm.jobs(job), "the end of the workers")
    check(shared, out, stopped=1)


def test_a_run_of_two_processes_is_a_job(slurm: Slurm, shared: Path, out: Path) -> None:
    job = slurm.submit(shared / "torchrun.sh")
    slurm.wait_for(lambda: not slurm.jobs(job), "the runs")
    assert len([*out.glob("dlb*/result.json")]) == 2


def test_two_nodes_try_the_folder_together(slurm: Slurm, shared: Path) -> None:
    command = ("srun", "--nodes", "2", "--ntasks-per-node", "1", "noisylab", "doctor", str(shared), "--hosts", "2")
    assert (
        slurm.ask(*command).splitlines()
        == [f"{shared}: locks, renames and fsync work, tried by a process on each of 2 hosts"] * 2
    )
