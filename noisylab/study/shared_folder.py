"""What the folder of a study must offer to the processes that share it: locks, renames and fsync, tried out."""

import hashlib
import multiprocessing
import os
import platform
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from filelock import Timeout

from noisylab.core.files import write_atomically
from noisylab.study.locks import file_lock

FOLDER = ".noisylab-doctor"
STEPS = 40
# Mount options with which a lock holds on its own host alone.
LOCAL_LOCKS = ("nolock", "local_lock=all", "local_lock=flock", "localflock", "noflock")


def check_shared_folder(folder: Path, hosts: int = 1, patience: float = 60.0) -> list[str]:
    """Try a folder from two processes of this host, or from one process on each of several hosts, and return what is wrong.

    hosts: the number of hosts on which this is called at the same time; they wait `patience` seconds for each other. If the
    list is empty, a lock has one holder at a time, what one process renames into place is what the next one reads, and files
    and folders can be flushed to disk.
    """
    here = platform.node()
    options = [
        f"{folder} on {here} is mounted with {option}: a lock holds on one host alone" for option in _local_locks(folder)
    ]
    if hosts > 1:
        return [*options, *_take_part(folder / FOLDER, f"{here}-{os.getpid()}", hosts, patience)]
    place = folder / f"{FOLDER}-{os.getpid()}"
    try:
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            found = pool.map(partial(_take_part, place, processes=2, patience=patience), [f"{here}-1", f"{here}-2"])
            return list(dict.fromkeys([*options, *(problem for problems in found for problem in problems)]))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _take_part(place: Path, name: str, processes: int, patience: float) -> list[str]:
    """Be one of the processes that count together, each step under the lock, and return what is wrong. `name` is its own."""
    here = platform.node()
    try:
        place.mkdir(exist_ok=True)
        own = place / name
        own.touch()
    except OSError as error:
        return [f"{here} cannot write {str(place.parent)!r}: {error.strerror}"]
    try:
        since = own.stat().st_mtime - patience

        def together() -> list[str]:
            # Not those of an earlier check that was killed.
            return sorted(path.name for path in place.iterdir() if path.is_file() and path.stat().st_mtime >= since)

        if not _wait(lambda: len(together()) >= processes, patience):
            others = f"{len(together())} of {processes} processes in {str(place.parent)!r}"
            return [f"{here} sees {others}: the others did not start, or see another folder at this path"]
        # All that are here count in one folder.
        count = place / f"{hashlib.sha256(' '.join(together()).encode()).hexdigest()[:12]}.count"
        count.mkdir(exist_ok=True)
        try:
            problems = _count(count, name, processes, patience)
        except OSError as error:
            reason = f"{type(error).__name__}: {error.strerror or error}"
            return [f"{here} cannot lock, rename or flush files in {str(place.parent)!r}: {reason}"]
        (count / f"{name}.checked").touch()
        # Whoever is first cleans up behind all.
        if name == together()[0] and _wait(lambda: len([*count.glob("*.checked")]) == processes, patience):
            shutil.rmtree(count, ignore_errors=True)
        return problems
    finally:
        own.unlink(missing_ok=True)
        with suppress(OSError):
            place.rmdir()


def _count(folder: Path, name: str, processes: int, patience: float) -> list[str]:
    """Count to the same number with other processes. Raises OSError if a step cannot be done at all."""
    here = platform.node()
    counter, inside, overlaps = folder / "counter", folder / "inside", 0
    for _ in range(STEPS):
        lock = file_lock(folder / "lock", patience)
        try:
            lock.acquire(poll_interval=0.005)
        except Timeout:
            return [f"{here} did not get a lock within {patience:g} s"]
        try:
            try:
                # Made by one process alone, whatever the lock is worth.
                inside.touch(exist_ok=False)
            except FileExistsError:
                overlaps += 1
            done = int(counter.read_text()) if counter.exists() else 0
            write_atomically(counter, str(done + 1))
            _flush(folder)
            inside.unlink(missing_ok=True)
        finally:
            lock.release()
    (folder / f"{name}.counted").touch()
    if not _wait(lambda: len([*folder.glob("*.counted")]) == processes, patience):
        return [f"{here} waited {patience:g} s in vain for the others to count"]
    if overlaps:
        return [f"{here} had a lock {overlaps} of {STEPS} times while another process had it: locks do not hold"]
    lost = processes * STEPS - int(counter.read_text())
    return [f"{lost} of {processes * STEPS} steps were lost: one process read what another had replaced"] if lost else []


def _flush(folder: Path) -> None:
    """Flush a folder to disk, so that renames in it survive a power cut."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _wait(condition: Callable[[], bool], patience: float) -> bool:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _local_locks(folder: Path) -> list[str]:
    """The mount options of a folder's file system that keep locks on one host."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return []
    above = {str(path) for path in (folder.resolve(), *folder.resolve().parents)}
    options = max(((mount[1], mount[3]) for mount in mounts if mount[1] in above), key=lambda at: len(at[0]), default=("", ""))[
        1
    ]
    return [option for option in options.split(",") if option in LOCAL_LOCKS]
