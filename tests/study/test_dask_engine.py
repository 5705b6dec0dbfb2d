"""The engine `dask` on a scheduler and workers of this machine: the bits of a local study, and nothing twice, whatever dies."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers_cli import noisylab
from helpers_engines import SLOW_METHOD, started
from same_bits import differences

from noisylab.study.engines.engine import EngineLostError

pytest.importorskip("distributed")

ROOT = Path(__file__).parents[2]
SWEEP = ("--methods", "slow_ce", "--noise", "symmetric:0.4", "--seeds", "6", "--epochs", "6", "--device", "cpu")
SWEEP += ("--train-size", "400", "--stack", "1")


class Cluster:
    """A scheduler at one port, and its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.file, self.starts = folder / "scheduler.json", folder / "starts"
        self.environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "STARTS": str(self.starts)}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.schedule()

    def process(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", *command], env=self.environment, stdout=log, stderr=log)

    def schedule(self) -> None:
        self.file.unlink(missing_ok=True)
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--scheduler-file", str(self.file))
        self.scheduler = self.process("distributed.cli.dask_scheduler", *options)
        wait_for(self.file.is_file)
        self.address = str(json.loads(self.file.read_text())["address"])
        self.port = int(self.address.rpartition(":")[2])

    def work(self, threads: int = 1) -> "subprocess.Popen[bytes]":
        options = ("--nthreads", str(threads), "--no-nanny", "--memory-limit", "0", "--no-dashboard")
        self.workers.append(self.process("distributed.cli.dask_worker", self.address, *options))
        return self.workers[-1]

    def sweep(self, *more: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "noisylab", "sweep", *SWEEP, "--plugin", str(self.folder / "slow_ce.py"), *more]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environment, stdout=pipe, stderr=pipe, text=True, cwd=self.folder)

    def started(self) -> int:
        """How often a run was started."""
        return started(self.starts)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "slow_ce.py").write_text(SLOW_METHOD)
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.mark.slow
def test_the_bits_are_those_of_a_local_study_and_nothing_is_done_twice_whatever_dies(cluster: Cluster) -> None:
    assert cluster.sweep("--out", "local", "--jobs", "2").wait() == 0
    assert cluster.started() == 6
    cluster.starts.unlink()
    out = cluster.folder / "dask"
    command = ("--out", "dask", "--engine", f"dask:{cluster.address}")

    def done() -> int:
        return len([*out.glob("*/result.json")])

    # The scheduler may start before its workers, and the study too.
    client = cluster.sweep(*command)
    wait_for(lambda: (out / "study.json").is_file())
    first, _ = cluster.work(), cluster.work()
    wait_for(lambda: cluster.started() >= 2)
    first.kill()
    cluster.work()
    wait_for(lambda: done() >= 1 and cluster.started() > done() + 1)
    client.kill()
    client.communicate()
    held = done()
    # What nobody waits for ends after its epoch, and the same command goes on.
    client = cluster.sweep(*command)
    wait_for(lambda: done() > held and cluster.started() > done() + 1)
    cluster.scheduler.kill()
    lost = time.monotonic()
    said, error = client.communicate(timeout=60)
    assert client.returncode == 1
    assert time.monotonic() - lost < 30
    assert error.startswith("noisylab: error: ")
    assert cluster.address in error
    assert error.endswith("; what has finished is kept, and the same command goes on\n")
    assert len(error.splitlines()) == 1
    assert f"6 runs, {held} already done; {6 - held} to do on" in said
    held = done()
    assert 1 <= held < 6
    cluster.schedule()
    cluster.work()
    cluster.work()
    client = cluster.sweep(*command)
    said, error = client.communicate(timeout=300)
    assert (client.returncode, error) == (0, "")
    assert f"6 runs, {held} already done; {6 - held} to do" in said
    assert f"[{6 - held}/{6 - held}] slow_ce" in said
    assert differences(cluster.folder / "local", out, {}, new_ids=False) == ([], [])
    # One worker, one client and one scheduler were killed, with up to two runs at work for each.
    assert 6 < cluster.started() <= 6 + 1 + 2 + 2
    assert not [*out.rglob("progress.json")]


@pytest.mark.slow
def test_workers_with_several_threads_are_refused(cluster: Cluster) -> None:
    from noisylab.study.engines.dask import Dask

    cluster.work(threads=2)
    engine = Dask(str(cluster.file))
    try:
        with pytest.raises(ValueError, match=r"worker tcp://\S+ has 2 threads; start workers with --nthreads 1"):
            wait_for(lambda: engine.places() == 2)
    finally:
        engine.close()


@pytest.mark.slow
def test_a_worker_that_dies_again_and_again_is_told(cluster: Cluster) -> None:
    from distributed.scheduler import KilledWorker

    from noisylab.study.engines.dask import Dask

    engine = Dask(cluster.address)
    try:
        future = engine.submit(os.abort)
        for _ in range(4):
            worker = cluster.work()
            worker.wait(timeout=60)
        with pytest.raises(KilledWorker) as died:
            future.result(timeout=60)
        assert str(engine.died(died.value)).startswith("with 4 Dask workers, the last at tcp://127.0.0.1:")
        assert engine.died(ValueError("of its own")) is None
    finally:
        engine.close()


def test_what_a_cluster_cannot_do_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    grid = ("sweep", "--methods", "ce", "--noise", "symmetric:0.4", "--seeds", "1", "--epochs", "1", "--out", tmp_path / "out")

    def refuses(named: str, *more: object) -> bool:
        return noisylab(capsys, *grid, *more).refuses(named)

    assert refuses("device must be cpu or cuda, got 'auto'", "--engine", "dask:tcp://127.0.0.1:1")
    assert refuses("--jobs is for the engine local", "--engine", "dask:tcp://127.0.0.1:1", "--jobs", "2", "--device", "cpu")
    assert refuses("no file of a scheduler", "--engine", "dask:no.json", "--device", "cpu")
    assert refuses("unknown engine 'dusk' (did you mean 'dask'?)", "--engine", "dusk:tcp://127.0.0.1:1", "--device", "cpu")


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_said_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    grid = ("sweep", "--methods", "ce", "--noise", "symmetric:0.4", "--seeds", "1", "--epochs", "1", "--device", "cpu")
    answer = noisylab(capsys, *grid, "--out", tmp_path, "--engine", "dask:tcp://127.0.0.1:1")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("noisylab: error: no Dask scheduler answers at tcp://127.0.0.1:1; what has finished is kept")
    assert len(answer.err.splitlines()) == 1
    assert issubclass(EngineLostError, ConnectionError)


ENGINE = """
from concurrent.futures import Future, ThreadPoolExecutor
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import ENGINES
from noisylab.study.engines.engine import Engine

@ENGINES.register("one_thread", main="size")
class OneThread(Engine):
    '''A thread of this process.'''

    def __init__(self, size: PositiveInt = 1) -> None:
        self.pool = ThreadPoolExecutor(1)

    def places(self):
        return 1

    def submit(self, function, /, *args):
        return self.pool.submit(function, *args)

    def died(self, error):
        return None

    def close(self):
        self.pool.shutdown()
        print("closed one_thread")
"""


def test_a_plug_in_adds_an_engine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "one_thread.py").write_text(ENGINE)
    plugin = ("--plugin", tmp_path / "one_thread.py")
    assert "A thread of this process" in noisylab(capsys, "list", "engines", *plugin).out
    grid = ("--methods", "ce", "--noise", "symmetric:0.4", "--seeds", "2", "--epochs", "1", "--train-size", "100")
    answer = noisylab(capsys, "sweep", *grid, "--out", tmp_path / "out", "--engine", "one_thread:1", *plugin)
    assert (answer.status, answer.err) == (0, "")
    assert "[2/2] ce" in answer.out
    assert "closed one_thread" in answer.out
