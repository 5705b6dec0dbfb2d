"""Studies whose processes are killed, and several processes on one study: nothing is lost, nothing is done twice."""

import contextlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas
from faults.readers import TIMES

# Twelve runs, of two methods and two noises.
GRID = [
    *("--methods", "ce", "dlb", "--noise", "symmetric:0.4", "symmetric:0.2", "--seeds", "3"),
    *("--train-size", "200", "--test-size", "50", "--epochs", "20", "--model", "small_cnn(width=4)", "--stack", "1"),
    *("--checkpoint-every", "1"),
]
RUNS = 12


class Outcome(NamedTuple):
    """What a part of the program did, and what came out."""

    what: str
    tries: int
    lost: int
    twice: int
    other_bits: int
    tracebacks: int


class Forked:
    """A sweep of one process, as `subprocess.Popen`: forked from a server that has imported everything, since faults while a
    process imports try nothing, and imports take most of the time of a short sweep."""

    def __init__(self, out: Path, before: Callable[[], object] | None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["noisylab.study.worker_imports", "noisylab.cli.sweep", "noisylab.report.study_report"])
        # No file, whose size may be limited.
        self._said, printed = context.Pipe(duplex=False)
        self._process = context.Process(target=_swept, args=(out, printed, before))
        self._process.start()
        printed.close()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """The status, once it has ended."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The status; None if it has not ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("sweep", timeout or 0)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Wait for its end, and give what it said."""
        self.wait(timeout)
        with os.fdopen(os.dup(self._said.fileno()), errors="replace") as said:
            return said.read(), None


def _swept(out: Path, printed: Connection, before: Callable[[], object] | None) -> None:
    """In a process of its own: the command."""
    from noisylab.cli import main

    os.setsid()
    # The server of processes ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (1, 2):
        os.dup2(printed.fileno(), stream)
    # The streams of the server may have been files.
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
    if before is not None:
        before()
    sys.exit(main(["sweep", *GRID, "--jobs", "1", "--out", str(out)]))


Started = subprocess.Popen[str] | Forked


def start(out: Path, jobs: int, before: Callable[[], object] | None = None) -> Started:
    """A sweep in a process group of its own; before: called in its process first."""
    if jobs == 1:
        return Forked(out, before)
    command = [sys.executable, "-m", "noisylab", "sweep", *GRID, "--jobs", str(jobs), "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen(command, preexec_fn=before, **pipes)  # type: ignore[call-overload, no-any-return]


def sweep(out: Path, jobs: int = 1) -> tuple[int | None, str]:
    """Run a sweep to its end: its status and what it printed."""
    process = start(out, jobs)
    said, _ = process.communicate()
    return process.returncode, said


def bits(out: Path) -> dict[str, object]:
    """Tables and records of a study, without times."""
    from noisylab.recording import load_dynamics

    held: dict[str, object] = {}
    for result in sorted(out.glob("*/result.json")):
        run = result.parent
        records = load_dynamics(run).load()
        held |= {f"{run.name} {name}": records[name].values for name in sorted(map(str, records.variables))}
        held[f"{run.name} metrics"] = pandas.read_csv(run / "metrics.csv").drop(columns=[*TIMES]).to_dict("list")
    results = pandas.read_csv(out / "results.csv")
    held["results"] = results.drop(columns=[*TIMES]).to_dict("list")
    return held


def differing(one: dict[str, object], other: dict[str, object]) -> int:
    """How many tables and arrays differ."""
    count = len(one.keys() ^ other.keys())
    for name in one.keys() & other.keys():
        try:
            np.testing.assert_equal(one[name], other[name])
        except AssertionError:
            count += 1
    return count


def finished(out: Path) -> dict[str, tuple[int, int]]:
    """The finished runs, and when each was finished: a run that is done twice has another time."""
    return {path.parent.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("*/result.json")}


def kill_at_random(work: Path, whole: dict[str, object], rounds: int, rng: random.Random, jobs: int) -> Outcome:
    """SIGKILL of the whole group, or of the parent alone, at random moments, until every study is finished."""
    lost = twice = other = tracebacks = kills = number = 0
    while kills < rounds:
        out = work / f"killed {jobs} {number}"
        number += 1
        while kills < rounds:
            process, before = start(out, jobs), finished(out)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(1, 25))
            if process.poll() is not None:
                break
            kills += 1
            with contextlib.suppress(ProcessLookupError):
                if rng.random() < 0.7:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            after = finished(out)
            lost += len(before.keys() - after.keys())
            twice += sum(before[run] != after[run] for run in before.keys() & after.keys())
        more = swept_again(out, whole)
        lost, twice, other, tracebacks = lost + more[0], twice + more[1], other + more[2], tracebacks + more[3]
    return Outcome(f"SIGKILL at random moments, {jobs} at once", kills, lost, twice, other, tracebacks)


def swept_again(out: Path, whole: dict[str, object]) -> tuple[int, int, int, int]:
    """The same sweep without a fault, whose folder is then removed: runs lost, trained twice, other bits, and tracebacks."""
    before = finished(out)
    status, said = sweep(out)
    after = finished(out)
    lost = RUNS - len(after) + (status != 0)
    twice = sum(before[run] != after.get(run) for run in before)
    other = differing(bits(out), whole) if len(after) == RUNS else 0
    shutil.rmtree(out)
    return lost, twice, other, int("Traceback" in said)


def four_at_once(work: Path, whole: dict[str, object]) -> Outcome:
    """Four sweeps on one study: every run is trained once, and all four end well."""
    out = work / "four"
    processes = [start(out, 1) for _ in range(4)]
    said = [process.communicate()[0] for process in processes]
    trained = Counter(line.split("] ", 1)[1] for text in said for line in text.splitlines() if line.startswith("["))
    # A run that another process did is told by that process alone or by both; its time tells whether it is one training.
    twice = len(trained) - RUNS
    lost = sum(process.returncode != 0 for process in processes) + RUNS - len(finished(out))
    return Outcome(
        "four sweeps on one study", 4, lost, max(0, twice), differing(bits(out), whole), sum("Traceback" in s for s in said)
    )


def limited_files(work: Path, whole: dict[str, object], rounds: int, rng: random.Random) -> Outcome:
    """A limit on the size of files (RLIMIT_FSIZE), as on a full disk; then the same sweep without it."""
    lost = twice = other = tracebacks = 0
    for number in range(rounds):
        out, limit = work / f"full {number}", int(10 ** rng.uniform(2, 5))
        process = start(out, 1, partial(_small, limit))
        said, _ = process.communicate()
        tracebacks += "Traceback" in said or process.returncode not in (1, 2)
        more = swept_again(out, whole)
        lost, twice, other, tracebacks = lost + more[0], twice + more[1], other + more[2], tracebacks + more[3]
    return Outcome("files limited to 100 bytes to 100 kB", rounds, lost, twice, other, tracebacks)


def _small(limit: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def folder_removed(work: Path) -> Outcome:
    """The study's folder is removed while it is written: an end in one line, no traceback."""
    out = work / "removed"
    process = start(out, 1)
    while not list(out.glob("*/progress.json")):
        time.sleep(0.1)
    shutil.rmtree(out, ignore_errors=True)
    said, _ = process.communicate()
    return Outcome("folder removed", 1, 0, 0, 0, int("Traceback" in said))
