"""A run's folder: its files, and whether the run is done."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.core.files import write_atomically
from noisylab.data.image_data import ImageData
from noisylab.study.read_once import read_once
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


@read_once(RESULT, METRICS, PREDICTIONS)
def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a finished run; None if it is not finished, or its result, metrics or predictions are damaged.

    Raises ValueError if it was written in another format.
    """
    try:
        held = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or not isinstance(result := held.get("result"), dict):
        return None
    check_format(held, folder)
    digests = held.get("sha256")
    try:
        whole = isinstance(digests, dict) and digests == _digests(result, {n: _read(folder, n) for n in digests if n != RESULT})
    except (OSError, ValueError):
        return None
    return result if whole else None


def write_result(folder: Path, result: dict[str, Any], files: Mapping[str, bytes]) -> None:
    """Write a finished run's files by name (`metrics.csv`, `predictions.npz`), then `result.json` with digests of all."""
    for name, content in files.items():
        write_atomically(folder / name, content)
    held = {"format": FORMAT, "result": result, "sha256": _digests(result, files)}
    write_atomically(folder / RESULT, json.dumps(held, indent=2))


def _digests(result: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, str]:
    contents = {RESULT: json.dumps(result, sort_keys=True).encode(), **files}
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def _read(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def read_file(folder: Path, name: str) -> bytes:
    """A file that `write_result` wrote. Raises ValueError if the run is unfinished or damaged."""
    if read_result(folder) is None:
        raise ValueError(f"{str(folder)!r} is not the folder of a finished run, or its files are damaged")
    return _read(folder, name)


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
