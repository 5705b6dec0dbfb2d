"""A run's folder: its files, and whether the run is done."""

import hashlib
import io
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.core.files import write_atomically
from noisylab.data.image_data import ImageData
from noisylab.study.known_whole import forget
from noisylab.study.read_once import read_once
from noisylab.study.run_config import FORMAT, RunConfig

if TYPE_CHECKING:
    import pandas

LIBRARIES = ("noisylab", "numpy", "scikit-learn", "torch", "torchvision", "zarr")

FAILURE = "failure.json"
CONFIG, NOISE_FILE, METRICS, CHECKPOINT, RESULT = "config.json", "noise.npz", "metrics.csv", "checkpoint.pt", "result.json"
PREDICTIONS = "predictions.npz"
# What helps against every damage.
REMEDY = "the same sweep redoes it"


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
        content = (folder / CONFIG).read_bytes()
        held = json.loads(content.decode())
        if not isinstance(held, dict):
            raise TypeError
    except (OSError, ValueError, TypeError, RecursionError):
        raise ValueError(f"{str(folder)!r} is not the folder of a run: it has no readable {CONFIG}; {REMEDY}") from None
    check_format(held, folder)
    digest = digests_of(folder).get(CONFIG)
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{str(folder / CONFIG)!r} is damaged, or that of another run; {REMEDY}")
    return held


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
    """The result of a finished run; None if it is not finished, if `result.json` is damaged, or if it is that of another run.

    Other files are compared with their digests when they are read. Raises ValueError if it was written in another format.
    """
    held = read_result_file(folder)
    return None if held is None or held["result"].get("id") != folder.absolute().name else dict(held["result"])


@read_once(RESULT)
def read_result_file(folder: Path) -> dict[str, Any] | None:
    """The content of `result.json`; None if there is none, or it is damaged.

    Raises ValueError if it was written in another format.
    """
    try:
        held = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    # Lists in lists without end are a RecursionError.
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(held, dict) or not isinstance(held.get("result"), dict):
        return None
    check_format(held, folder)
    digests = held.get("sha256")
    if not isinstance(digests, dict) or digests.get(RESULT) != _own_digest(held):
        return None
    return held


def digests_of(folder: Path) -> dict[str, str]:
    """The digests of a finished run's files, by name; empty if it has no readable result."""
    held = read_result_file(folder)
    return {} if held is None else dict(held["sha256"])


def write_result(
    folder: Path, result: dict[str, Any], files: Mapping[str, bytes], kept: Mapping[str, str] | None = None
) -> None:
    """Write a finished run's files by name (`metrics.csv`, `predictions.npz`), then `result.json` with digests of all.

    kept: the digests of the files that are there already.
    """
    for name, content in files.items():
        write_atomically(folder / name, content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} | dict(kept or {})
    held = {"format": FORMAT, "result": result, "made_with": surroundings(result.get("device", "cpu")), "sha256": digests}
    held["sha256"] = {RESULT: _own_digest(held), **digests}
    write_atomically(folder / RESULT, json.dumps(held, indent=2))


def surroundings(device: str) -> dict[str, str]:
    """What can change the last bits of a run and is no part of its identity: versions, the processor's kind, the device."""
    held = {name: version(name) for name in LIBRARIES}
    # Without torch nothing was trained.
    if (torch := sys.modules.get("torch")) is not None:
        held["processor"] = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
        held["device"] = torch.cuda.get_device_name() if device == "cuda" and torch.cuda.is_available() else device
    return held


def _own_digest(held: Mapping[str, Any]) -> str:
    """SHA-256 of `result.json` as read or written, without itself."""
    content = {**held, "sha256": {name: digest for name, digest in held["sha256"].items() if name != RESULT}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_file(folder: Path, name: str) -> bytes:
    """A file of a finished run, as the run wrote it. Raises ValueError if the run is unfinished, or the file is damaged."""
    if read_result(folder) is None:
        raise ValueError(f"{str(folder)!r} is not the folder of a finished run, or its {RESULT} is damaged; {REMEDY}")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ValueError(f"{str(folder / name)!r} cannot be read ({error.strerror}); {REMEDY}") from None
    if hashlib.sha256(content).hexdigest() != digests_of(folder).get(name):
        forget(folder.parent)
        raise ValueError(f"{str(folder / name)!r} is damaged, or that of another run; {REMEDY}")
    return content


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
    found, places = pandas.concat(tables, ignore_index=True), {run: place for place, run in enumerate(runs)}
    return found.sort_values("run", key=lambda held: held.map(places), kind="stable", ignore_index=True)
