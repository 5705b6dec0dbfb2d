"""One run, from its configuration to a finished folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import torch
from filelock import FileLock, Timeout
from torch import nn

from noisylab.analysis.dynamics import FILE as DYNAMICS
from noisylab.analysis.dynamics import intact_epochs
from noisylab.analysis.log import RunLog
from noisylab.analysis.recorder import DynamicsRecorder
from noisylab.corruption import NoisyLabels
from noisylab.data.base import ImageData
from noisylab.methods.base import Method, Setting
from noisylab.registries import AUGMENT, DATA, METHODS, MODELS, NOISE
from noisylab.runs import CHECKPOINT, RunConfig, read_result, write_result
from noisylab.runs import NOISE as NOISE_FILE
from noisylab.seeds import derive_seed
from noisylab.training.checkpoint import saved_epoch
from noisylab.training.evaluate import Evaluator
from noisylab.training.loop import TrainingSet, train


class ElsewhereError(RuntimeError):
    """Another process is at this run."""


def execute(
    config: RunConfig, data: ImageData, study: Path, on_progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Train and measure one run in `study/<id>`, and return its result, which `result.json` then holds.

    A run that is done is not repeated; one that was cut off goes on from its checkpoint. on_progress is called with the number
    of epochs done. Raises ElsewhereError where another process holds the run's lock.
    """
    folder = study / config.id
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            result = read_result(folder)
            return _run(config, data, folder, on_progress) if result is None else result
    except Timeout:
        raise ElsewhereError(config.id) from None


def _run(config: RunConfig, data: ImageData, folder: Path, on_progress: Callable[[int], None]) -> dict[str, Any]:
    config.save(folder)
    noisy: NoisyLabels = NOISE.create(NOISE.parse(config.noise), **data.noise_inputs, seed=config.noise_seed)
    data = data.under(noisy)
    noisy.save(folder / NOISE_FILE)
    # What a killed process was writing; under the lock nobody else writes here.
    for leftover in list(folder.rglob("*.partial")):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
    # Records are continued only where all that the checkpoint counts on can be read.
    saved = saved_epoch(folder / CHECKPOINT)
    if saved == 0 or intact_epochs(folder) < saved:
        (folder / CHECKPOINT).unlink(missing_ok=True)
        shutil.rmtree(folder / DYNAMICS, ignore_errors=True)
    statistics = data.mean, data.std
    log = RunLog(
        recorder=DynamicsRecorder(
            folder,
            noisy.labels,
            true_labels=noisy.clean,
            num_classes=data.num_classes,
            sample_ids=data.train_ids,
            epochs=config.training.epochs,
            record=config.record,
            divergence=True,
            probabilities=True,
        ),
        given=noisy.labels,
        true=noisy.clean,
        test=Evaluator(data.test_images, *statistics),
        test_labels=data.test_labels,
        train=Evaluator(data.train_images, *statistics) if config.record == "eval" else None,
        on_progress=on_progress,
    )
    train(
        build_method(config, data, len(noisy)),
        TrainingSet(data.train_images, noisy.labels, *statistics, AUGMENT.create(AUGMENT.parse(config.augment))),
        config.training,
        [log],
        seed=config.seed,
        checkpoint=folder / CHECKPOINT,
    )
    metrics = pandas.DataFrame(log.rows)
    result = _result(config, data, noisy, metrics)
    write_result(folder, result, metrics.to_csv(index=False).encode())
    return result


def build_method(config: RunConfig, data: ImageData, num_samples: int) -> Method:
    """The method of a run with its networks, initialised from the run's seed alone."""
    model, made = MODELS.parse(config.model), 0

    def make_network() -> nn.Module:
        nonlocal made
        made += 1
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(config.seed, "network", made))
            network: nn.Module = MODELS.create(model, data.num_classes, data.shape[0])
        return network

    setting = Setting(make_network, data.num_classes, num_samples, config.training.epochs)
    method: Method = METHODS.create(METHODS.parse(config.method), setting)
    return method


def _result(config: RunConfig, data: ImageData, noisy: NoisyLabels, metrics: pandas.DataFrame) -> dict[str, Any]:
    accuracy, last = metrics["test_accuracy"], metrics.iloc[-1]
    noise = NOISE.parse(config.noise, data.noise_defaults)
    seconds, images = float(metrics["seconds"].sum()), int(metrics["images"].sum())
    return {
        "id": config.id,
        "data": DATA.parse(config.data).label,
        "train_size": config.train_size,
        "model": MODELS.parse(config.model).label,
        "method": METHODS.parse(config.method).label,
        "noise": noise.label,
        "noise_kind": noise.family,
        "nominal_rate": noisy.nominal_rate,
        "realised_rate": noisy.rate,
        "seed": config.seed,
        "noise_seed": config.noise_seed,
        "epochs": len(metrics),
        "batch_size": config.training.batch_size,
        "steps": int(metrics["steps"].sum()),
        "images_processed": images,
        "record": config.record,
        "settings": config.settings,
        "test_accuracy_last": float(last["test_accuracy"]),
        "test_accuracy_last10": float(accuracy.tail(10).mean()),
        "best_on_test": float(accuracy.max()),
        "clean_correct": float(last["clean_correct"]),
        "memorised": float(last["mislabelled_memorised"]),
        "seconds": seconds,
        "images_per_second": images / seconds,
    }
