"""Studies whose machine goes wrong: a full disk, a full TMPDIR, a folder that cannot be written, a clock that is set back."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from faults.kills import RUNS, Outcome, Started, finished, start, swept_again

# What a sweep is given to stop or end by itself.
PATIENCE = 300


@contextlib.contextmanager
def small_disk(folder: Path, size: int, *options: str) -> Iterator[Path | None]:
    """A disk of its own of so many bytes; None if this user may not mount one."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full_disk(work: Path, whole: dict[str, object], rounds: int, rng: random.Random) -> Outcome:
    """A disk that has no room left at a random moment of a sweep, then room again, and the same sweep."""
    found = Outcome("disk full at random moments", 0, 0, 0, 0, 0)
    for number in range(rounds):
        with small_disk(work / f"disk {number}", 64_000_000) as disk:
            if disk is None:
                return found
            process = start(disk / "study", 1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=rng.uniform(3, 40))
            left = int(10 ** rng.uniform(0, 5))
            _fill(disk / "ballast", left)
            found = _ended(found, process, whole, disk / "study", disk / "ballast")
    return found


def full_tmpdir(work: Path, whole: dict[str, object]) -> Outcome:
    """Sweeps in one and in two processes whose TMPDIR has no room."""
    found = Outcome("TMPDIR full", 0, 0, 0, 0, 0)
    for jobs in (1, 2):
        with small_disk(work / f"temporary {jobs}", 1_000_000) as disk:
            if disk is None:
                return found
            _fill(disk / "ballast", 0)
            process = start(work / "study", jobs, partial(_use_for_temporary_files, disk))
            found = _ended(found, process, whole, work / "study", disk / "ballast")
    return found


def _use_for_temporary_files(folder: Path) -> None:
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None


def immutable(work: Path, whole: dict[str, object], rounds: int, rng: random.Random) -> Outcome:
    """A run's folder, or that of the study, becomes immutable at a random moment; then it can be written again."""
    found = Outcome("folder immutable at random moments", 0, 0, 0, 0, 0)
    for number in range(rounds):
        out = work / f"immutable {number}"
        process = start(out, 1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(3, 30))
        held = rng.choice([out, *(path for path in out.iterdir() if path.is_dir())])
        if subprocess.run(["chattr", "+i", str(held)], capture_output=True, check=False).returncode:
            process.kill()
            process.communicate()
            return found
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            subprocess.run(["chattr", "-i", str(held)], check=True)
        found = _counted(found, process.returncode, said, swept_again(out, whole))
    return found


def clock_back(work: Path, whole: dict[str, object]) -> Outcome:
    """A sweep that is killed, whose files are dated a day ahead, and that goes on while the clock is set back twice."""
    out = work / "clock"
    process = start(out, 1)
    while not finished(out):
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    ahead = time.time() + 86400
    for path in out.rglob("*"):
        os.utime(path, (ahead, ahead))
    before = finished(out)
    again = start(out, 1, _set_clock_back)
    said, _ = again.communicate()
    after = finished(out)
    lost, twice = RUNS - len(after) + (again.returncode != 0), sum(before[run] != after.get(run) for run in before)
    more = swept_again(out, whole)
    return Outcome("clock set back", 1, lost + more[0], twice + more[1], more[2], int("Traceback" in said) + more[3])


def _set_clock_back() -> None:
    real, began = time.time, time.monotonic()
    time.time = lambda: real() - 86400 * sum(time.monotonic() - began > each for each in (1, 5))


def _fill(file: Path, left: int) -> None:
    """Leave so many bytes on the disk of a file."""
    with file.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))
    with file.open("r+b") as ballast:
        ballast.truncate(max(0, file.stat().st_size - left))


def _ended(found: Outcome, process: Started, whole: dict[str, object], out: Path, ballast: Path) -> Outcome:
    """The sweep has come to its end; with room again, it is started again."""
    said, _ = process.communicate(timeout=PATIENCE)
    ballast.unlink()
    return _counted(found, process.returncode, said, swept_again(out, whole))


def _counted(found: Outcome, status: int | None, said: str, more: tuple[int, int, int, int]) -> Outcome:
    bad = "Traceback" in said or status not in (0, 1, 2)
    if bad:
        print(said)
    return Outcome(
        found.what,
        found.tries + 1,
        found.lost + more[0],
        found.twice + more[1],
        found.other_bits + more[2],
        found.tracebacks + more[3] + bad,
    )
