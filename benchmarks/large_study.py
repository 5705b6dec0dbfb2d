"""Time and memory of the commands that read a study of thousands of finished runs, which are made up and not trained.

python benchmarks/large_study.py --runs 2000
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import tyro

from noisylab.core.checks import PositiveInt
from noisylab.core.registries import NOISES
from noisylab.data.image_data import ImageData
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.predictions import Predictions, pack
from noisylab.study.result import result_of
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import METRICS, NOISE_FILE, PREDICTIONS, write_config, write_result
from noisylab.study.study_file import add_plan
from noisylab.training.config import TrainConfig

METHODS = ("ce", "repeat", "dlb", "lsr")
NOISE = ("symmetric:0", "symmetric:0.2", "symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
EPOCHS = 20
VARIED = ("test_accuracy", "memorised", "consistency", "clean_correct")


@dataclass(frozen=True)
class Arguments:
    """The size of the study."""

    runs: PositiveInt = 2000
    """The runs of the large study, a multiple of 20. A study of a tenth of them shows how time and memory grow."""


def write_study(study: Path, runs: int) -> Grid:
    """Write a study of so many finished runs, with ids and digests as training gives them, and return its grid."""
    seeds = tuple(range(runs // (len(METHODS) * len(NOISE))))
    grid = Grid(methods=METHODS, noise=NOISE, seeds=seeds, training=TrainConfig(epochs=EPOCHS, device="cpu"))
    study.mkdir(parents=True)
    planned = plan(grid)
    add_plan(study, planned)
    models: dict[tuple[str, str], tuple[dict[str, Any], pandas.DataFrame, bytes]] = {}
    for config in planned.configs:
        data, folder = planned.data[config.data_digest], study / config.id
        folder.mkdir()
        if (config.method, config.noise) not in models:
            models[config.method, config.noise] = _trained(config, data)
        result, metrics, predictions = models[config.method, config.noise]
        rng = np.random.default_rng(config.seed)
        own = {"id": config.id, "seed": config.seed, "noise_seed": config.noise_seed}
        own |= {name: float(value + rng.normal(0, 0.01)) for name, value in result.items() if name.startswith(VARIED)}
        shifted = metrics.assign(test_accuracy=metrics["test_accuracy"] + rng.normal(0, 0.01))
        write_config(folder, config, data)
        NOISES.create(config.noise, **data.noise_inputs, seed=config.noise_seed).save(folder / NOISE_FILE)
        files = {METRICS: shifted.to_csv(index=False).encode(), PREDICTIONS: predictions}
        write_result(folder, result | own, files)
    return grid


def _trained(config: RunConfig, data: ImageData) -> tuple[dict[str, Any], pandas.DataFrame, bytes]:
    """What a run could have come to: its result, its metrics, and the file of its predictions."""
    noisy = NOISES.create(config.noise, **data.noise_inputs, seed=config.noise_seed)
    rng = np.random.default_rng(len(config.method + config.noise))
    epochs = config.epochs_trained
    share = 1 - np.exp(-np.arange(1, epochs + 1) / epochs * 4)
    images = len(data.train_labels) * EPOCHS // epochs
    columns = {
        "epoch": np.arange(epochs),
        "train_loss": 2.3 - 2 * share,
        "test_accuracy": 0.95 * share,
        "validation_accuracy": np.nan,
        "clean_correct": 0.9 * share,
        "mislabelled_correct": (0.5 - 0.4 * share) if noisy.rate else np.nan,
        "mislabelled_memorised": 0.6 * share if noisy.rate else np.nan,
        "mislabelled_other": (0.5 - 0.2 * share) if noisy.rate else np.nan,
        "consistency_clean": 0.9 * share,
        "consistency_mislabelled": 0.5 * share if noisy.rate else np.nan,
        "selection_precision": np.nan,
        "selection_recall": np.nan,
        "learning_rate": 0.1 * (1 - share),
        "updates": images // config.batch_entries,
        "images": images,
        "seconds": 0.1,
        "images_per_second": images / 0.1,
    }
    logits = np.asarray(rng.normal(size=(len(data.test_labels), data.num_classes)) - 5, dtype=np.float16)
    predictions, metrics = Predictions(logits, data.test_labels), pandas.DataFrame(columns)
    return result_of(config, data, noisy, metrics, predictions, [], 0), metrics, pack(predictions)


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """The wall time, the processor time (s) and the peak memory (GB) of one command."""
    started = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with status {status}")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def main(arguments: Arguments) -> None:
    """Print a line per command and study."""
    for runs in (arguments.runs // 10, arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            study = Path(folder) / "study"
            write_study(study, runs)
            again = ["sweep", "--config", str(study / "study.json")]
            for name, command in {"status": ["status", str(study)], "sweep, nothing left": again}.items():
                wall, used, memory = measured(["-m", "noisylab", *command])
                print(f"{runs:6,} runs  {name:20} {wall:6.1f} s, {used:5.1f} s of processor time, {memory:.2f} GB", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Arguments, description=__doc__))
