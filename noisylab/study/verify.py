"""Whether the files of a finished run are what the run wrote: `result.json` has a digest of each."""

import shutil
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.core.files import sha256_of
from noisylab.recording.digests import OWN, DamagedError
from noisylab.recording.records import FILE as DYNAMICS
from noisylab.recording.records import check_records, load_dynamics, open_group
from noisylab.study.known_whole import forget, read_known, stamp_of, write_known
from noisylab.study.run_folder import (
    CHECKPOINT,
    CONFIG,
    METRICS,
    NOISE_FILE,
    PREDICTIONS,
    REMEDY,
    RESULT,
    digests_of,
    read_result,
)

if TYPE_CHECKING:
    import xarray

# The files of a run, besides those of its records.
FILES = (CONFIG, NOISE_FILE, METRICS, PREDICTIONS, CHECKPOINT, RESULT)


def kept_digests(folder: Path) -> dict[str, str]:
    """The digests of what a run has written before its result: configuration, noise, checkpoint and records."""
    held = {name: sha256_of(folder / name) for name in (CONFIG, NOISE_FILE, CHECKPOINT) if (folder / name).is_file()}
    return held | {DYNAMICS: str(open_group(folder / DYNAMICS).attrs[OWN])}


def damages(folder: Path) -> list[str]:
    """What is damaged, missing or foreign in the folder of a finished run; empty if all is as it was written.

    Reads every file. If some are damaged, the next sweep reads all files of the study's runs. Raises ValueError if the run was
    written in another format.
    """
    if read_result(folder) is None:
        return [RESULT]
    found = []
    for name, digest in digests_of(folder).items():
        try:
            if name == DYNAMICS:
                if open_group(folder / name).attrs[OWN] != digest:
                    raise DamagedError(folder / name, "it is that of another run")
                check_records(folder / name)
            elif name != RESULT and sha256_of(folder / name) != digest:
                found.append(name)
        except DamagedError as error:
            found.append(f"{name} ({error.part})")
        except OSError:
            found.append(name)
    if found:
        forget(folder.parent)
    return found


def unsound(out: Path, runs: Collection[str], *, verify: bool = True) -> set[str]:
    """Those of the runs (ids) of a study that are not finished and undamaged.

    verify: whether files are read, or results alone. Files of a run that was found whole are read once more if one of them has
    changed since then, or if damage was found in any run.
    """
    bad = {run for run in runs if read_result(out / run) is None}
    if not verify:
        return bad
    known = read_known(out)
    finished = [run for run in runs if run not in bad]

    def look(run: str) -> tuple[bool, str | None]:
        """Whether a run is whole, and its stamp from before its files were read."""
        stamp = stamp_of(out / run)
        return (stamp is not None and stamp == known.get(run)) or not damages(out / run), stamp

    # On a network's folder, most of the time is spent waiting for files.
    with ThreadPoolExecutor(4) as pool:
        seen = dict(zip(finished, pool.map(look, finished), strict=True))
    damaged = {run for run, (whole, _) in seen.items() if not whole}
    stamps = known | {run: stamp for run, (_, stamp) in seen.items() if stamp is not None}
    if not damaged and stamps != known:
        write_known(out, stamps)
    return bad | damaged


def read_records(folder: Path) -> "xarray.Dataset":
    """The per-sample records of a finished run (`load_dynamics`). Raises ValueError if they are not those of this run."""
    try:
        if open_group(folder / DYNAMICS).attrs[OWN] != digests_of(folder).get(DYNAMICS):
            raise DamagedError(folder / DYNAMICS, "it is that of another run")
        return load_dynamics(folder)
    except DamagedError as error:
        forget(folder.parent)
        raise DamagedError(error.path, error.part, REMEDY) from None


def clear_way(folder: Path) -> None:
    """Remove what stands in the place of a run's files and cannot be replaced by them: folders, and a file for the records."""
    for name in FILES:
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            shutil.rmtree(folder / name)
    if (records := folder / DYNAMICS).is_file() or records.is_symlink():
        records.unlink()
