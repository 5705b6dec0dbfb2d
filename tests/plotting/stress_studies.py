"""Studies that are hard to draw, written in seconds: a simulated learner stands in for training, everything else is real.

    python tests/plotting/stress_studies.py FOLDER [NAME...]

writes FOLDER/NAME for each of `STUDIES` (default: all). Plans, labels, records, metrics and results are written by the same
functions as those of real runs, so that the folders are like any other. Equal calls write equal numbers.
"""

import itertools
import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from noisylab.core.registries import METHODS, NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption import NoisyLabels
from noisylab.data.batches.batch import Batch
from noisylab.data.image_data import ImageData
from noisylab.methods.base import Step
from noisylab.recording import DynamicsRecorder
from noisylab.study.grid import Grid
from noisylab.study.inputs import keep_data
from noisylab.study.plan import plan
from noisylab.study.predictions import pack
from noisylab.study.result import result_of
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import METRICS, NOISE_FILE, PREDICTIONS, write_config, write_result
from noisylab.study.run_log import Labelled, RunLog
from noisylab.study.study_file import add_plan
from noisylab.study.study_results import write_results
from noisylab.study.verify import kept_digests
from noisylab.training.callback import EpochSummary
from noisylab.training.config import TrainConfig

SAMPLES, EPOCHS = 200, 12
# How much methods memorise, of at most 1; others by their names.
STRENGTH = {"ce": 1.0, "repeat": 0.95, "dlb": 0.45}
ELEVEN = ("ce", "repeat", "dlb", "lsr", "gce", "sce", "elr", "ps_kd", "bootstrap_hard", "coteaching", "mean_teacher")
# The first 23 letters of the first two agree, and so do all but the last three of the two after them.
LONG = (
    "ce",
    "dlb(temperature=4.125, alpha=3.25)",
    "dlb(temperature=4.125, alpha=3.5)",
    "soft_target_memory(age=2, momentum=0.25, weight=1.5)",
    "soft_target_memory(age=2, momentum=0.25, weight=2.5)",
    "repeat@weight_decay=0.0005,learning_rate=0.025",
)
# Signs that a typesetter could take for its own, and letters that a font may lack.
ODD_CLASSES = ("50 % off", "a_b^c", "cost in $", "{braces} & \\more", "帽子", "x → y <b>", "#hash~", "$x$")
LONG_CLASSES = tuple(f"a class with a rather long name, number {number}" for number in range(10))


@dataclass
class Learner:
    """Logits as a network's that first learns what images show and later memorises the labels that it was given.

    strength in [0, 1]: how much it memorises. labels: int[N], true and given. All draws depend on `seed` alone.
    """

    true: NDArray[np.int64]
    given: NDArray[np.int64]
    test: NDArray[np.int64]
    classes: int
    strength: float
    seed: int
    progress: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self._rng = np.random.default_rng(self.seed + 1)
        count = len(self.true)
        # Hard samples look like another class, and are learnt late or never.
        self._hard, self._test_hard = rng.beta(1.2, 1.8, count), rng.beta(1.2, 1.8, len(self.test))
        self._memorised_late = rng.random(count)
        self._like, self._test_like = (rng.integers(0, self.classes, each.shape) for each in (self.true, self.test))
        self._rate = float((self.true != self.given).mean())

    def training_logits(self) -> torch.Tensor:
        """float32[N, K], newly drawn at each call."""
        learnt = 5 * _rise(self.progress, 0.1 + 0.8 * self._hard, 0.1)
        memorised = 8 * self.strength * _rise(self.progress, 0.4 + 0.7 * self._memorised_late, 0.1)
        logits = self._noise(len(self.true))
        places = np.arange(len(self.true))
        np.add.at(logits, (places, self.true), learnt)
        np.add.at(logits, (places, self._like), 5 * self._hard)
        np.add.at(logits, (places, self.given), memorised)
        return torch.from_numpy(logits)

    def logits(self, _: object) -> torch.Tensor:
        """float32[M, K] for the test set; what is memorised harms them."""
        harm = (
            1 - 0.75 * self._rate * self.strength * _rise(self.progress, np.full(len(self.test), 0.7), 0.12) - 0.3 * self._rate
        )
        learnt = 5 * harm * _rise(self.progress, 0.1 + 0.6 * self._test_hard, 0.1)
        logits, places = self._noise(len(self.test)), np.arange(len(self.test))
        np.add.at(logits, (places, self.test), learnt)
        np.add.at(logits, (places, self._test_like), 4.5 * self._test_hard)
        return torch.from_numpy(logits)

    def _noise(self, count: int) -> NDArray[np.float32]:
        return self._rng.normal(scale=0.8, size=(count, self.classes)).astype(np.float32)


def _rise(at: float, middle: NDArray[np.float64], width: float) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp((middle - at) / width)), dtype=np.float32)


def simulate(config: RunConfig, data: ImageData, study: Path) -> None:
    """Write the folder of a finished run."""
    folder = study / config.id
    folder.mkdir(parents=True)
    noisy: NoisyLabels = NOISES.create(NOISES.parse(config.noise), **data.noise_inputs, seed=config.noise_seed)
    write_config(folder, config, data)
    noisy.save(folder / NOISE_FILE)
    spec = METHODS.parse(config.method)
    factor = METHODS.load(spec.name).images_factor(**spec.options)
    strength = STRENGTH.get(spec.label, 0.25 + 0.7 * (zlib.crc32(spec.label.encode()) % 1000) / 1000)
    seed = derive_seed(config.seed, config.method) % 2**31
    learner = Learner(noisy.true, noisy.given, data.test_labels, data.num_classes, strength, seed)
    recorder = DynamicsRecorder(
        folder,
        noisy.given,
        true_labels=noisy.true,
        num_classes=data.num_classes,
        sample_ids=data.train_ids,
        epochs=config.epochs_trained,
        record=config.record,
        divergence=True,
        probabilities=True,
        shard=(0, 1),
    )
    log = RunLog(recorder, noisy, Labelled(learner, data.test_labels))  # type: ignore[arg-type]
    everything = torch.arange(len(noisy))
    batch = {"images": torch.empty(0), "labels": torch.tensor(noisy.given), "index": everything}
    training, nothing = config.training_run, torch.zeros(())
    updates = -(-factor * len(noisy) // training.batch_size)
    for epoch in range(config.epochs_trained):
        learner.progress = (epoch + 1) / config.epochs_trained
        for presentation in range(factor):
            new = slice(0, len(noisy)) if presentation == 0 else slice(0, 0)
            selected = torch.from_numpy(learner._hard < 0.5) if spec.name == "coteaching" else None
            log.on_step(Batch(**batch, new=new), Step(nothing, learner.training_logits(), selected))
        rate = training.learning_rate_at(epoch + 0.5)
        loss = 2.3 * (1 - 0.8 * learner.progress)
        log.on_epoch(EpochSummary(epoch, loss, rate, factor * len(noisy), updates, 0.5 * factor), None)  # type: ignore[arg-type]
    metrics = pandas.DataFrame(log.rows)
    result = result_of(config, data, noisy, metrics, log.predictions, [], 0)
    files = {METRICS: metrics.to_csv(index=False).encode(), PREDICTIONS: pack(log.predictions)}
    write_result(folder, result, files, kept_digests(folder))


def write_study(folder: Path, *grids: Grid) -> Path:
    """Write a finished study."""
    folder.mkdir(parents=True)
    for grid in grids:
        planned = plan(grid)
        add_plan(folder, planned)
        for data in planned.data.values():
            keep_data(folder, data)
        for config in planned.configs:
            simulate(config, planned.data[config.data_digest], folder)
    write_results(folder)
    return folder


def grid(
    *, methods: tuple[str, ...] = ("ce", "repeat", "dlb"), noise: tuple[str, ...], seeds: int = 2, **settings: object
) -> Grid:
    """A grid of short runs on the digits."""
    training = TrainConfig(epochs=EPOCHS, batch_size=32, device="cpu")
    usual = {"train_size": SAMPLES, "training": training} | settings
    return Grid(methods=methods, noise=noise, seeds=tuple(range(seeds)), **usual)  # type: ignore[arg-type]


def write_images(file: Path, names: tuple[str, ...], each: int) -> NDArray[np.int64]:
    """Write `each` training images of every class, and the labels as names; returns the true labels as numbers."""
    rng = np.random.default_rng(len(names))
    prototypes = gaussian_filter(rng.normal(size=(len(names), 12, 12)), (0, 1.5, 1.5))
    arrays: dict[str, NDArray[np.generic]] = {}
    labels = np.tile(np.arange(len(names)), each)
    for part in ("train", "test"):
        images = prototypes[labels] + 0.1 * rng.normal(size=(len(labels), 12, 12))
        low, high = images.min(), images.max()
        arrays |= {f"{part}_images": (255 * (images - low) / (high - low)).astype(np.uint8)}
        arrays |= {f"{part}_labels": np.array(names)[labels]}
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return labels


def _default(folder: Path) -> Path:
    noise = ("symmetric:0", "symmetric:0.2", "symmetric:0.4", "symmetric:0.6", "asymmetric:0.2", "asymmetric:0.4")
    return write_study(folder, grid(noise=noise, seeds=3))


def _eleven_methods(folder: Path) -> Path:
    return write_study(folder, grid(methods=ELEVEN, noise=("symmetric:0", "symmetric:0.4"), seeds=2))


def _long_names(folder: Path) -> Path:
    file = _private(folder) / "a_data_set_with_a_rather_long_name_version_2_of_march.npz"
    write_images(file, LONG_CLASSES, SAMPLES // len(LONG_CLASSES))
    noise = ("symmetric:0", "symmetric(rate=0.4, sampling='iid', include_true=True)", "pair_flip(rate=0.4, sampling='iid')")
    return write_study(folder, grid(data=f"npz:{file}", methods=LONG, noise=noise, train_size=None))


def _five_variants(folder: Path) -> Path:
    methods = tuple(f"dlb(alpha={alpha})" for alpha in (0.5, 2.0, 3.0, 5.0, 9.0))
    return write_study(folder, grid(methods=methods, noise=("symmetric:0.2", "symmetric:0.4")))


def _hundred_classes(folder: Path) -> Path:
    file = _private(folder) / "hundred.npz"
    write_images(file, tuple(f"kind {number}" for number in range(100)), 6)
    return write_study(folder, grid(data=f"npz:{file}", noise=("symmetric:0", "symmetric:0.4"), train_size=None))


def _thirteen_rates(folder: Path) -> Path:
    return write_study(folder, grid(noise=tuple(f"symmetric:{5 * step / 100:g}" for step in range(13))))


def _one_seed(folder: Path) -> Path:
    return write_study(folder, grid(noise=("symmetric:0.4",), seeds=1))


def _clean_only(folder: Path) -> Path:
    return write_study(folder, grid(noise=("symmetric:0",), seeds=3))


def _file_noise(folder: Path) -> Path:
    """Data and labels from files, with class names that mean something to a typesetter."""
    data, labels = _private(folder) / "own_data.npz", _private(folder) / "crowd_workers.json"
    true = write_images(data, ODD_CLASSES, SAMPLES // len(ODD_CLASSES))
    wrong = np.random.default_rng(0).random(len(true)) < 0.3
    # numpy's order of the names is that of the classes.
    names = np.array(ODD_CLASSES)
    labels.write_text(json.dumps(names[np.where(wrong, (true + 3) % len(names), true)].tolist()), encoding="utf-8")
    return write_study(folder, grid(data=f"npz:{data}", noise=(f"file:{labels}", "instance:0.4"), train_size=None))


def _two_settings(folder: Path) -> Path:
    """Runs that differ in a setting besides method, noise and seeds."""
    return write_study(folder, grid(noise=("symmetric:0.4",), over={"batch_size": (32, 64, 128)}))


def _two_options(folder: Path) -> Path:
    """A method with two options varied, beside another one."""
    methods = tuple(f"dlb(temperature={t}, alpha={a})" for t, a in itertools.product((1.0, 2.0, 4.0), (0.5, 3.0)))
    return write_study(folder, grid(methods=("ce", *methods), noise=("symmetric:0.4",)))


def _private(folder: Path) -> Path:
    """A folder whose name must not be seen in a figure."""
    return folder.parent / ".home" / "jane_doe"


STUDIES: dict[str, Callable[[Path], Path]] = {
    "default": _default,
    "eleven_methods": _eleven_methods,
    "long_names": _long_names,
    "five_variants": _five_variants,
    "hundred_classes": _hundred_classes,
    "thirteen_rates": _thirteen_rates,
    "one_seed": _one_seed,
    "clean_only": _clean_only,
    "file_noise": _file_noise,
    "two_settings": _two_settings,
    "two_options": _two_options,
}


def main() -> None:
    """Write the studies."""
    base, names = Path(sys.argv[1]), sys.argv[2:] or list(STUDIES)
    for name in names:
        print(STUDIES[name](base / name))


if __name__ == "__main__":
    main()
