"""A run's folder: its files, and whether the run is done."""

import hashlib
import io
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from noisylab.core.files import write_atomically
from noisylab.data.image_data import ImageData
from noisylab.study.run_config import FORMAT, RunConfig

if TYPE_CHECKING:
    import pandas

LIBRARIES = ("noisylab", "numpy", "scikit-learn", "torch", "torchvision", "zarr")

FAILURE = "failure.json"
CONFIG, NOISE_FILE, METRICS, CHECKPOINT, RESULT = "config.json", "noise.npz", "metrics.csv", "checkpoint.pt", "result.json"
PREDICTIONS = "predictions.npz"


def write_config(folder: Path, config: RunConfig, data: ImageData) -> None:
    """Write `config.json`: the configuration, the versions of libraries, and the shape and normalisation of the images."""
    content = {
        **config.as_json(),
        "id": config.id,
        "versions": {name: version(name) for name in LIBRARIES},
        "images": {"shape": data.shape, "mean": data.mean, "std": data.std, "class_names": data.class_names},
    }
    write_atomically(folder / CONFIG, json.dumps(content, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """The content of a run's `config.json`. Raises ValueError if it is missing, damaged, or has another format."""
    try:
        held = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ValueError(f"{str(folder)!r} is not the folder of a run: it has no readable {CONFIG}") from None
    check_format(held, folder)
    return dict(held)


def refuse_run(folder: Path) -> None:
    """Raise ValueError if a folder that should be that of a study is that of a run."""
    if (folder / CONFIG).is_file():
        raise ValueError(f"{str(folder)!r} is the folder of a run; its study is {str(folder.absolute().parent)!r}")


def check_format(held: Any, place: Path) -> None:
    """Raise ValueError if the content of the file `place` was written in another format."""
    found = held.get("format") if isinstance(held, dict) else None
    if found != FORMAT:
        older = "an older format" if found is None else f"format {found}"
        raise ValueError(
            f"{str(place)!r} was written in {older}, and this version of noisylab reads format {FORMAT}; "
            "run the study again in another folder, or use the version that wrote it"
        )


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a finished run; None if it is not finished, or its result, metrics or predictions are damaged.

    A process reads each run once, until one of its files changes. Raises ValueError if it was written in another format.
    """
    known = _read.get(folder)
    if known is not None and known.stamps == _stamps(folder, known.stamps):
        return dict(known.result)
    try:
        stamps = _stamps(folder, [RESULT])
        held = json.loads(_content(folder, RESULT))
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or not isinstance(result := held.get("result"), dict):
        return None
    check_format(held, folder)
    digests = held.get("sha256")
    if not isinstance(digests, dict):
        return None
    others = [name for name in digests if name != RESULT]
    try:
        stamps |= _stamps(folder, others)
        whole = digests == _digests(result, {name: _content(folder, name) for name in others})
    except (OSError, ValueError):
        return None
    if not whole:
        return None
    if time.time_ns() - max(stamp.changed for stamp in stamps.values()) > SETTLED:
        _read[folder] = _Known(stamps, result)
    return dict(result)


class _Stamp(NamedTuple):
    """What tells a changed file: its number, its size, and when it was last changed (ns)."""

    number: int
    size: int
    changed: int


class _Known(NamedTuple):
    """The result of a run, and the files that it was checked with."""

    stamps: dict[str, _Stamp]
    result: dict[str, Any]


# The runs that this process has read.
_read: dict[Path, _Known] = {}
# Two changes within the resolution of a clock, in ns, cannot be told apart.
SETTLED = 2_000_000_000


def _stamps(folder: Path, names: Iterable[str]) -> dict[str, _Stamp]:
    """The stamps of files of a run; of those alone that are there."""
    found = {}
    for name in names:
        with suppress(OSError):
            held = os.stat(f"{folder}/{name}")  # noqa: PTH116 - of thousands of runs
            found[name] = _Stamp(held.st_ino, held.st_size, max(held.st_mtime_ns, held.st_ctime_ns))
    return found


def write_result(folder: Path, result: dict[str, Any], files: Mapping[str, bytes]) -> None:
    """Write a finished run's files by name (`metrics.csv`, `predictions.npz`), then `result.json` with digests of all."""
    for name, content in files.items():
        write_atomically(folder / name, content)
    held = {"format": FORMAT, "result": result, "sha256": _digests(result, files)}
    write_atomically(folder / RESULT, json.dumps(held, indent=2))


def _digests(result: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, str]:
    contents = {RESULT: json.dumps(result, sort_keys=True).encode(), **files}
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def _content(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def read_file(folder: Path, name: str) -> bytes:
    """A file that `write_result` wrote. Raises ValueError if the run is unfinished or damaged."""
    if read_result(folder) is None:
        raise ValueError(f"{str(folder)!r} is not the folder of a finished run, or its files are damaged")
    return _content(folder, name)


def read_metrics(folder: Path) -> "pandas.DataFrame":
    """`metrics.csv` of a finished run, one row per epoch. Raises ValueError if the run is unfinished or damaged."""
    import pandas

    return pandas.read_csv(io.BytesIO(read_file(folder, METRICS)))


def read_many_metrics(study: Path, runs: Sequence[str]) -> "pandas.DataFrame":
    """`metrics.csv` of finished runs by their ids, one after the other, with the id in the column `run`.

    Raises ValueError if a run is unfinished or damaged.
    """
    import pandas

    # One table is read much faster than many; files of several versions have other columns.
    parts: dict[bytes, list[tuple[str, bytes, int]]] = {}
    for run in runs:
        head, _, rows = read_file(study / run, METRICS).partition(b"\n")
        parts.setdefault(head, []).append((run, rows, rows.count(b"\n")))
    tables = []
    for head, held in parts.items():
        table = pandas.read_csv(io.BytesIO(b"\n".join([head, b"".join(rows for _, rows, _ in held)])))
        tables.append(table.assign(run=[run for run, _, count in held for _ in range(count)]))
    found = tables[0] if len(tables) == 1 else pandas.concat(tables, ignore_index=True)
    places = {run: place for place, run in enumerate(runs)}
    return (
        found
        if len(tables) == 1
        else found.sort_values("run", key=lambda held: held.map(places), kind="stable", ignore_index=True)
    )
