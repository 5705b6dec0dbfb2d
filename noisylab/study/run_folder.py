"""A run's folder: its configuration and identity, its files, whether it is done; and many runs as one table."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from noisylab.core.checks import NonNegativeInt, PositiveInt, check_fields
from noisylab.core.files import write_atomically
from noisylab.training.config import TrainConfig

if TYPE_CHECKING:
    import pandas

# Raised whenever the same configuration would give other numbers than before.
FORMAT = 4
LIBRARIES = ("noisylab", "numpy", "scikit-learn", "torch", "torchvision", "zarr")

CONFIG, NOISE_FILE, METRICS, CHECKPOINT, RESULT = "config.json", "noise.npz", "metrics.csv", "checkpoint.pt", "result.json"


@dataclass(frozen=True)
class RunConfig:
    """Everything that can change a number of a run. data, model, method, noise, augment are canonical specs.

    data_digest, noise_digest: SHA-256 of the arrays and of the given labels themselves, so that a changed file is another run.
    record: whether per-sample records are of the training steps (`online`) or of an extra pass (`eval`). budget: what runs of a
    comparison have alike, their epochs or the images they process; budget_epochs: how many epochs of CE that is.
    """

    data: str
    data_digest: str
    train_size: int
    model: str
    method: str
    noise: str
    noise_digest: str
    noise_seed: NonNegativeInt
    seed: NonNegativeInt
    augment: str
    record: Literal["online", "eval"]
    training: TrainConfig
    budget: Literal["epochs", "images"]
    budget_epochs: PositiveInt

    def __post_init__(self) -> None:
        check_fields(self)

    def canonical(self) -> dict[str, Any]:
        """All fields and the format version, as JSON types."""
        return {"format": FORMAT, **json.loads(json.dumps(dataclasses.asdict(self)))}

    @property
    def settings(self) -> str:
        """A digest of all that runs of one comparison have in common: everything but method, noise and seeds.

        `budget_epochs` stands for the epochs, which differ where the images are made equal.
        """
        varied = {"method", "noise", "noise_digest", "noise_seed", "seed"}
        shared = {key: value for key, value in self.canonical().items() if key not in varied}
        del shared["training"]["epochs"]
        return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def id(self) -> str:
        """A readable name and a SHA-256 of the canonical configuration, the name of the run's folder."""
        text = json.dumps(self.canonical(), sort_keys=True)
        name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{_short(self.method)}-{_short(self.noise)}-seed{self.seed}")
        return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def save(self, folder: Path) -> None:
        """Write `config.json`, with the versions of the libraries in use."""
        content = {**self.canonical(), "id": self.id, "versions": {name: version(name) for name in LIBRARIES}}
        write_atomically(folder / CONFIG, json.dumps(content, indent=2) + "\n")


def _short(spec: str) -> str:
    """A canonical spec with its first number alone: `symmetric-0.4`."""
    name, _, options = spec.partition("(")
    number = re.search(r"rate=([0-9.]+)", options)
    return f"{name}-{number[1]}" if number else name


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a finished run; None where it is not finished, or its result or metrics are damaged."""
    try:
        held = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        metrics = (folder / METRICS).read_bytes()
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or not isinstance(result := held.get("result"), dict):
        return None
    return result if held.get("sha256") == _digest(result, metrics) else None


def write_result(folder: Path, result: dict[str, Any], metrics: bytes) -> None:
    """Write `metrics.csv`, then `result.json` with a digest of both."""
    write_atomically(folder / METRICS, metrics)
    content = {"result": result, "sha256": _digest(result, metrics)}
    write_atomically(folder / RESULT, json.dumps(content, indent=2))


def _digest(result: dict[str, Any], metrics: bytes) -> str:
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode() + metrics).hexdigest()


def read_metrics(folder: Path) -> "pandas.DataFrame":
    """`metrics.csv` of a finished run, one row an epoch. Raises ValueError where it is not what a finished run wrote."""
    import pandas

    if read_result(folder) is None:
        raise ValueError(f"{str(folder)!r} is not the folder of a finished run, or its files are damaged")
    return pandas.read_csv(folder / METRICS)


def collect(study: Path) -> "pandas.DataFrame":
    """All finished runs of a study folder, one row each, in an order that does not depend on when they ran."""
    import pandas

    rows = [result for path in sorted(study.glob(f"*/{RESULT}")) if (result := read_result(path.parent)) is not None]
    table = pandas.DataFrame(rows)
    if table.empty:
        return table
    order = ["data", "model", "noise_kind", "nominal_rate", "noise", "method", "seed", "noise_seed", "id"]
    return table.sort_values(order, ignore_index=True)


def write_results(study: Path) -> "pandas.DataFrame":
    """Write `results.csv` for all finished runs of a study folder, and return it."""
    table = collect(study)
    write_atomically(study / "results.csv", table.to_csv(index=False))
    return table
