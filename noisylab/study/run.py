"""One run, from its configuration to a finished folder."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch
from filelock import Timeout
from numpy.typing import NDArray
from torch import Tensor

from noisylab.core.distributed import from_main, is_main
from noisylab.core.files import write_atomically
from noisylab.core.registries import AUGMENTATIONS, METHODS, MODELS, NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption import NoisyLabels
from noisylab.data.augmentations.crop import Augmentation
from noisylab.data.batches.loader import TrainingSet
from noisylab.data.image_data import ImageData
from noisylab.data.streaming import Images
from noisylab.methods.base import Method
from noisylab.recording.recorder import DynamicsRecorder
from noisylab.recording.records import FILE as DYNAMICS
from noisylab.recording.records import intact_epochs
from noisylab.study.build import build_method
from noisylab.study.locks import file_lock
from noisylab.study.predictions import pack
from noisylab.study.result import result_of
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import (
    CHECKPOINT,
    FAILURE,
    METRICS,
    NOISE_FILE,
    PREDICTIONS,
    RESULT,
    read_result,
    write_config,
    write_result,
)
from noisylab.study.run_log import Labelled, RunLog
from noisylab.study.validation_split import split
from noisylab.training.checkpoint import is_whole, load_method, saved_epoch
from noisylab.training.device import repeatable, resolve_device
from noisylab.training.evaluate import Evaluator
from noisylab.training.loop import DivergedError, Training, train_together

# The folder of the teachers' runs in a study's folder.
TEACHERS = ".teachers"


class RunLockedError(RuntimeError):
    """Another process holds the lock of this run."""


def run_one(
    config: RunConfig,
    data: ImageData,
    study: Path,
    on_progress: Callable[[int], None] = lambda _: None,
    on_row: Callable[[Mapping[str, Any]], None] = lambda _: None,
    *,
    with_checkpoint: bool = False,
) -> dict[str, Any]:
    """Train and measure one run in `study/<id>`, write `result.json`, and return the result.

    A run that is done is not repeated; an interrupted one continues from its checkpoint. on_progress is called with the number
    of epochs done, on_row with each epoch's row of metrics. with_checkpoint: repeat a run whose checkpoint cannot be read.
    Teachers are trained first, as runs of their own in `study/.teachers`, where other runs find them. Raises RunLockedError if
    another process holds the lock of the run or of a teacher.

    All processes that train one run together (`noisylab.core.distributed`) call it; only the main one reads and writes the
    folder.
    """
    outcomes = run_stack([config], data, study, lambda _, done: on_progress(done), on_row, with_checkpoint=with_checkpoint)
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]
    return outcomes[0]


def run_stack(
    configs: Sequence[RunConfig],
    data: ImageData,
    study: Path,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    on_row: Callable[[Mapping[str, Any]], None] = lambda _: None,
    *,
    with_checkpoint: bool = False,
) -> list[dict[str, Any] | Exception]:
    """`run_one` for several runs, which are trained together (`noisylab.training.loop.train_together`).

    The runs differ in seed and noise only. on_progress is called with the number of a run and of its epochs done. Returns each
    run's result, or what `run_one` would raise: a run that fails changes nothing for the others.
    """
    outcomes: dict[int, dict[str, Any] | Exception] = {}
    runs: dict[int, _Run] = {}
    augmentation = AUGMENTATIONS.create(AUGMENTATIONS.parse(configs[0].augment))
    with ExitStack() as locks:
        for number, config in enumerate(configs):
            try:
                with ExitStack() as lock:
                    result = lock.enter_context(_locked(study / config.id, with_checkpoint=with_checkpoint))
                    if result is None:
                        runs[number] = _Run(config, data, study, partial(on_progress, number), on_row, augmentation)
                        locks.push(lock.pop_all())
                    else:
                        outcomes[number] = result
            except Exception as error:
                outcomes[number] = error
        trained = train_together([run.training for run in runs.values()], configs[0].training_run) if runs else []
        for (number, run), failed in zip(runs.items(), trained, strict=True):
            try:
                outcomes[number] = run.finish() if failed is None else failed
            except Exception as error:
                outcomes[number] = error
        for number, outcome in outcomes.items():
            if isinstance(outcome, DivergedError) and is_main():
                write_atomically(study / configs[number].id / FAILURE, json.dumps({"reason": str(outcome)}) + "\n")
    return [outcomes[number] for number in range(len(configs))]


@contextmanager
def _locked(folder: Path, *, with_checkpoint: bool) -> Iterator[dict[str, Any] | None]:
    """Lock a run's folder, and give its result if it has one. Raises RunLockedError if another process holds the lock."""
    lock = file_lock(folder / ".lock", timeout=0)
    found: tuple[bool, dict[str, Any] | None] = False, None
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):
            lock.acquire()
            if with_checkpoint and not is_whole(folder / CHECKPOINT):
                (folder / RESULT).unlink(missing_ok=True)
            found = True, read_result(folder)
    free, result = from_main(found)
    if not free:
        raise RunLockedError(folder.name)
    try:
        yield result
    finally:
        lock.release()


class _Run:
    """A run that is ready for training, as `training` says, and then to be finished."""

    def __init__(
        self,
        config: RunConfig,
        clean: ImageData,
        study: Path,
        on_progress: Callable[[int], None],
        on_row: Callable[[Mapping[str, Any]], None],
        augmentation: Augmentation,
    ) -> None:
        self._config, self._folder = config, study / config.id
        noisy: NoisyLabels = NOISES.create(NOISES.parse(config.noise), **clean.noise_inputs, seed=config.noise_seed)
        trained_on, held_out = split(noisy, config.validation, config.noise_seed) if config.validation else (noisy, None)
        self._noisy, self._samples, self._data = noisy, len(trained_on), (data := clean.with_noise(trained_on))
        if is_main():
            write_config(self._folder, config, data)
            noisy.save(self._folder / NOISE_FILE)
        self._teachers = _Teachers(config, clean, trained_on, study)
        method = self._teachers.build_prepared()
        self._log = None
        if is_main():
            self._log = RunLog(
                recorder=_recorder(config, self._folder, data, trained_on),
                noisy=trained_on,
                test=_labelled(data, data.test_images, data.test_labels),
                validation=None
                if held_out is None
                else _labelled(data, clean.with_noise(held_out).train_images, held_out.given),
                keep_selected=config.select == "validation",
                evaluate_every=config.evaluate_every,
                train=Evaluator(data.train_images, data.mean, data.std) if config.record == "eval" else None,
                on_progress=on_progress,
                on_row=on_row,
            )
        self.training = Training(
            method,
            TrainingSet(data.train_images, trained_on.given, data.mean, data.std, augmentation),
            [self._log] if self._log else [],
            config.seed,
            self._folder / CHECKPOINT,
        )

    def finish(self) -> dict[str, Any]:
        """Write the result, and return it."""
        result, log, teachers = {}, self._log, self._teachers
        if log is not None:
            metrics = pandas.DataFrame(log.rows)
            passes = teachers.passes * self._samples
            result = result_of(self._config, self._data, self._noisy, metrics, log.predictions, teachers.results, passes)
            write_result(
                self._folder, result, {METRICS: metrics.to_csv(index=False).encode(), PREDICTIONS: pack(log.predictions)}
            )
            (self._folder / FAILURE).unlink(missing_ok=True)
        return from_main(result)


def _labelled(data: ImageData, images: Images, labels: NDArray[np.int64]) -> Labelled:
    return Labelled(Evaluator(images, data.mean, data.std), labels)


def _recorder(config: RunConfig, folder: Path, data: ImageData, noisy: NoisyLabels) -> DynamicsRecorder:
    """Open the run's recorder. Deletes leftovers of a killed process and records that cannot be continued."""
    # Leftovers of a killed process; under the lock nobody else writes here.
    for leftover in list(folder.rglob("*.partial")):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
    # Continue the records only if every row that the checkpoint relies on can be read.
    saved = saved_epoch(folder / CHECKPOINT)
    if saved == 0 or intact_epochs(folder) < saved:
        (folder / CHECKPOINT).unlink(missing_ok=True)
        shutil.rmtree(folder / DYNAMICS, ignore_errors=True)
    return DynamicsRecorder(
        folder,
        noisy.given,
        true_labels=noisy.true,
        num_classes=data.num_classes,
        sample_ids=data.train_ids,
        epochs=config.epochs_trained,
        record=config.record,
        divergence=True,
        probabilities=True,
        # The main process records what all of them show.
        shard=(0, 1),
        # The loop goes on from its checkpoint, and the recorder with it.
        resume=True,
    )


class _Teachers:
    """The `TeacherProvider` of a run.

    noisy: the labels that are trained on. results: of the teachers that were asked for. passes: over the training images, for
    their logits.
    """

    def __init__(self, config: RunConfig, clean: ImageData, noisy: NoisyLabels, study: Path) -> None:
        self._config, self._clean, self._noisy, self._study = config, clean, noisy, study
        self.results: list[dict[str, Any]] = []
        self.passes = 0

    def build_prepared(self) -> Method:
        """The run's method, with its teachers."""
        transition = None if self._noisy.transition is None else torch.tensor(self._noisy.transition)
        method = build_method(
            self._config, self._clean, num_samples=len(self._noisy), noise_rate=self._noisy.rate, transition=transition
        )
        method.prepare(self)
        return method

    def trained(self, method: str, *, model: str | None = None) -> Method:
        """A finished network, trained now or by an earlier run with the same configuration.

        Its settings are the study's, without the overrides of the student.
        """
        chosen = str(METHODS.parse(method)), str(MODELS.parse(self._config.model if model is None else model))
        # The teacher's own initialisation and order, the same for every student of this seed.
        seed = derive_seed(self._config.seed, "teacher " + " ".join(chosen)) % 2**31
        # A teacher is trained by itself, also for students that are not.
        training = replace(self._config.training, stack=1)
        config = replace(self._config, method=chosen[0], model=chosen[1], seed=seed, training=training)
        if config.budget == "compute":
            # Such a budget pays for teachers that train as long as their student.
            training = replace(training, epochs=self._config.epochs_trained)
            config = replace(config, budget="epochs", training=training)
        teachers = self._study if self._study.name == TEACHERS else self._study / TEACHERS
        checkpoint = teachers / config.id / CHECKPOINT
        try:
            self.results.append(run_one(config, self._clean, teachers, with_checkpoint=True))
        except DivergedError as error:
            raise DivergedError(f"the teacher {METHODS.parse(config.method).label}: {error}") from error
        teacher = _Teachers(config, self._clean, self._noisy, teachers).build_prepared()
        load_method(checkpoint, teacher)
        return teacher

    def logits(self, method: Method) -> Tensor:
        """float32[N, K] of the training images, on the run's device."""
        training, data = self._config.training, self._clean.with_noise(self._noisy)
        device = resolve_device(training.device)
        self.passes += 1
        with repeatable(device, training.threads):
            return Evaluator(data.train_images, data.mean, data.std).logits(method.to(device))
