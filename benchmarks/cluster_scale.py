"""Many short runs on many Dask workers in one folder: what the engine, the folder and the tables cost beside the training.

    python benchmarks/cluster_scale.py --runs 10000 --workers 24
    python benchmarks/cluster_scale.py --runs 10000 --workers 200 --simulated

A run sleeps for 50 ms and writes the files of a small finished run. Times are of the study's process, in CPU seconds (the
workers, which share this machine, decide how long it takes). Simulated workers are threads of it, without Dask, which do not
count.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from noisylab.api import open_study
from noisylab.core.checks import PositiveInt
from noisylab.core.registries import ENGINES
from noisylab.study import pool
from noisylab.study.engines.engine import Engine
from noisylab.study.grid import Grid
from noisylab.study.plan import Plan, plan
from noisylab.study.progress import Notes, forget_progress
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import CONFIG, METRICS, PREDICTIONS, RESULT, read_result, write_result
from noisylab.study.runner import Observer, run_plan
from noisylab.study.study_results import write_results
from noisylab.training.config import TrainConfig

T = TypeVar("T")
SECONDS = 0.05
TEMPLATE = "template"


def fake(configs: list[RunConfig], client: Path, host: str, wanted: Callable[[], bool], _: float) -> list[dict[str, Any]]:
    """In a worker: what a run writes, without its training, its records and its checkpoint."""
    results, study = [], client.parent.parent
    if not client.is_file():
        raise FileNotFoundError(client)
    for config in configs:
        folder, (template,) = study / config.id, (study / TEMPLATE).iterdir()
        folder.mkdir(exist_ok=True)
        with (folder / ".lock").open("w"):
            progress = Notes(folder, 1)
            progress.note(0)
            time.sleep(SECONDS)
            wanted()
            result = read_result(template)
            assert result is not None
            result |= {"id": config.id, "seed": config.seed, "noise_seed": config.noise_seed}
            (folder / CONFIG).write_bytes((template / CONFIG).read_bytes())
            write_result(folder, result, {name: (template / name).read_bytes() for name in (METRICS, PREDICTIONS)})
            forget_progress(folder)
        results.append(result)
    return results


def planned(out: Path, runs: int) -> Plan:
    """A plan of so many runs, and a finished one from which they copy."""
    grid = Grid(methods=("ce",), noise=("symmetric:0.4",), seeds=(0,), training=TrainConfig(epochs=1, device="cpu"))
    one = plan(grid)
    run_plan(one, out / TEMPLATE)
    for path in (out / TEMPLATE).iterdir():
        if path.is_file():
            path.unlink()
    (config,) = one.configs
    return replace(one, configs=tuple(replace(config, seed=seed, noise_seed=seed) for seed in range(1, runs + 1)))


class Memory(Observer):
    """The memory of this process as runs come in, and when the first and the last of them came."""

    def __init__(self) -> None:
        self.done, self.held, self.first, self.last = 0, list[float](), 0.0, 0.0

    def on_result(self, config: RunConfig, result: dict[str, Any]) -> None:
        """Look now and then."""
        self.done += 1
        self.last = time.monotonic()
        self.first = self.first or self.last
        if self.done % 500 == 1:
            self.held.append(memory())


def memory() -> float:
    """MB that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Simulated(Engine):
    """Threads in place of workers."""

    def __init__(self, workers: PositiveInt = 200) -> None:
        self._workers, self._pool = workers, ThreadPoolExecutor(workers)

    def places(self) -> int:
        """The number of threads."""
        return self._workers

    def submit(self, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call a function in a thread."""
        return self._pool.submit(function, *args)

    def died(self, error: BaseException) -> str | None:
        """Threads do not die."""
        return None

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler and its workers on this machine."""
    file = folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]), "OMP_NUM_THREADS": "1"}

    def start(*command: object) -> "subprocess.Popen[bytes]":
        line = [sys.executable, "-m", *map(str, command), "--scheduler-file", str(file), "--no-dashboard"]
        return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    options = ("--nthreads", 1, "--no-nanny", "--memory-limit", 0)
    scheduler = start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", 0)
    processes = [scheduler]
    try:
        while not file.exists():
            time.sleep(0.1)
        processes += [start("distributed.cli.dask_worker", *options) for _ in range(workers)]
        from distributed import Client

        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(workers)
            # Importing is not what is measured.
            client.run(__import__, "cluster_scale")
        yield f"dask:{file}"
        print(f"{'CPU of the scheduler':36} {_cpu(scheduler.pid):8.1f} s")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def timed(what: str, clock: Callable[[], float] = time.process_time) -> Iterator[None]:
    """Print the time of a block; clock: what counts processor time."""
    start, cpu = time.monotonic(), clock()
    yield
    print(f"{what:36} {clock() - cpu:8.1f} s CPU {time.monotonic() - start:8.1f} s", flush=True)


def main() -> None:
    """Hand out the runs, and look at the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=24)
    parser.add_argument("--simulated", action="store_true")
    arguments = parser.parse_args()
    # Imported by its name, so that the workers find the function.
    import cluster_scale

    ENGINES.register("simulated")(Simulated)
    pool._work = cluster_scale.fake  # type: ignore[assignment]
    simulated = nullcontext(f"simulated(workers={arguments.workers})")
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated if arguments.simulated else cluster(Path(folder), arguments.workers) as engine,
    ):
        out = Path(folder, "study")
        asked, watched = planned(out, arguments.runs), Memory()
        with timed("the whole study", time.thread_time if arguments.simulated else time.process_time):
            failures = run_plan(asked, out, engine=engine, observer=watched)
        assert not failures, failures[0]
        assert watched.done == arguments.runs
        elapsed = watched.last - watched.first
        print(f"{'from the first result to the last':36} {elapsed:8.1f} s: {arguments.runs / elapsed:.0f} runs a second,")
        print(f"{'':36} {100 * arguments.runs * SECONDS / elapsed / arguments.workers:8.0f} % of what the workers could do")
        print(f"{'memory, from 1 run to all':36} {watched.held[0]:8.0f} to {watched.held[-1]:.0f} MB")
        print(f"{'peak memory':36} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:8.0f} MB")
        with timed("the same command again"):
            run_plan(asked, out, engine=engine)
        with timed("results.csv"):
            write_results(out)
        with timed("status"):
            states = open_study(out).status()
        assert (states["state"] == "done").sum() == arguments.runs
        files = sum(len(names) for _, _, names in os.walk(out))
        print(f"{'files':36} {files:8,} ({files / arguments.runs:.1f} for each run)")
        print(f"{'study.json':36} {(out / 'study.json').stat().st_size / 1e6:8.1f} MB")
        held = len(json.loads((out / "study.json").read_text())["grids"][-1]["runs"])
        print(f"{'runs in it':36} {held:8,}; {sum(1 for _ in out.glob(f'*/{RESULT}')):,} results")


if __name__ == "__main__":
    main()
