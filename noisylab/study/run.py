"""One run, from its configuration to a finished folder."""

import shutil
import warnings
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
from noisylab.core.interrupts import is_stop
from noisylab.core.registries import AUGMENTATIONS, METHODS, MODELS, NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption import NoisyLabels
from noisylab.data.augmentations.crop import Augmentation
from noisylab.data.batches.loader import TrainingSet
from noisylab.data.image_data import ImageData
from noisylab.data.streaming import Images
from noisylab.methods.base import Method
from noisylab.recording.digests import DamagedError
from noisylab.recording.recorder import DynamicsRecorder
from noisylab.recording.records import FILE as DYNAMICS
from noisylab.recording.records import check_records
from noisylab.study.build import build_method
from noisylab.study.failure import RunLockedError, is_of_the_run, write_failure
from noisylab.study.locks import file_lock
from noisylab.study.predictions import pack
from noisylab.study.progress import LOCK, Notes, forget_progress
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
from noisylab.study.verify import clear_way, damages, kept_digests
from noisylab.training.checkpoint import is_whole, load_method, read_checkpoint
from noisylab.training.device import repeatable, resolve_device
from noisylab.training.evaluate import Evaluator
from noisylab.training.loop import DivergedError, Training, train_together

# The folder of the teachers' runs in a study's folder.
TEACHERS = ".teachers"


def run_one(
    config: RunConfig,
    data: ImageData,
    study: Path,
    on_progress: Callable[[int], None] = lambda _: None,
    on_row: Callable[[Mapping[str, Any]], None] = lambda _: None,
    *,
    with_checkpoint: bool = False,
    checkpoint_seconds: float | None = None,
) -> dict[str, Any]:
    """Train and measure one run in `study/<id>`, write `result.json`, and return the result.

    A run that is done is not repeated; an interrupted one continues from its checkpoint. on_progress is called with the number
    of epochs done, on_row with each epoch's row of metrics. with_checkpoint: repeat a run whose checkpoint cannot be read.
    Teachers are trained first, as runs of their own in `study/.teachers`, where other runs find them. Raises RunLockedError if
    another process holds the lock of the run or of a teacher.

    All processes that train one run together (`noisylab.core.distributed`) call it; only the main one reads and writes the
    folder.
    """
    asked: dict[str, Any] = {"with_checkpoint": with_checkpoint, "checkpoint_seconds": checkpoint_seconds}
    outcomes = run_stack([config], data, study, lambda _, done: on_progress(done), on_row, **asked)
    if isinstance(outcomes[0], BaseException):
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
    checkpoint_seconds: float | None = None,
) -> list[dict[str, Any] | BaseException]:
    """`run_one` for several runs, which are trained together (`noisylab.training.loop.train_together`).

    The runs differ in seed and noise only. on_progress is called with the number of a run and of its epochs done. Returns each
    run's result, or what `run_one` would raise: a run that fails changes nothing for the others.
    """
    outcomes: dict[int, dict[str, Any] | BaseException] = {}
    runs: dict[int, _Run] = {}
    begun: set[int] = set()
    augmentation = AUGMENTATIONS.create(AUGMENTATIONS.parse(configs[0].augment))
    with ExitStack() as locks:
        for number, config in enumerate(configs):
            try:
                with ExitStack() as lock:
                    result = lock.enter_context(_locked(study / config.id, with_checkpoint=with_checkpoint))
                    if result is None:
                        # Before anything is built, so that the lock is kept while a failure is written.
                        locks.push(lock.pop_all())
                        if is_main():
                            locks.callback(forget_progress, study / config.id)
                        begun.add(number)
                        runs[number] = _Run(config, data, study, partial(on_progress, number), on_row, augmentation)
                    else:
                        outcomes[number] = result
            except BaseException as error:
                if is_stop(error):
                    raise
                outcomes[number] = error
        trainings, training = [run.training for run in runs.values()], configs[0].training_run
        pace = {} if checkpoint_seconds is None else {"checkpoint_seconds": checkpoint_seconds}
        trained = train_together(trainings, training, **pace) if runs else []
        for (number, run), failed in zip(runs.items(), trained, strict=True):
            try:
                outcomes[number] = run.finish() if failed is None else failed
            except BaseException as error:
                if is_stop(error):
                    raise
                outcomes[number] = error
        for number in begun if is_main() else ():
            outcome, folder = outcomes[number], study / configs[number].id
            with suppress(OSError):
                if isinstance(outcome, BaseException) and is_of_the_run(outcome):
                    write_failure(folder, outcome, runs[number].epochs_done if number in runs else 0)
    return [outcomes[number] for number in range(len(configs))]


@contextmanager
def _locked(folder: Path, *, with_checkpoint: bool) -> Iterator[dict[str, Any] | None]:
    """Lock a run's folder, and give its result if it has one. Raises RunLockedError if another process holds the lock."""
    lock = file_lock(folder / LOCK, timeout=0)
    found: tuple[bool, dict[str, Any] | None] = False, None
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):
            lock.acquire()
            if with_checkpoint and not is_whole(folder / CHECKPOINT):
                (folder / RESULT).unlink(missing_ok=True)
            clear_way(folder)
            if (folder / RESULT).exists() and (damaged := damages(folder)):
                warnings.warn(f"{folder.name} is done again: damaged: {', '.join(damaged)}", stacklevel=2)
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
        self._notes = Notes(self._folder, config.epochs_trained)
        if is_main():
            self._notes.note(0)
        noisy: NoisyLabels = NOISES.create(NOISES.parse(config.noise), **clean.noise_inputs, seed=config.noise_seed)
        trained_on, held_out = split(noisy, config.validation, config.noise_seed) if config.validation else (noisy, None)
        self._noisy, self._samples, self._data = noisy, len(trained_on), (data := clean.with_noise(trained_on))
        if is_main():
            write_config(self._folder, config, data)
            noisy.save(self._folder / NOISE_FILE)
        self._teachers = _Teachers(config, clean, trained_on, study)
        method = self._teachers.build_prepared()
        self._log = None

        def progress(done: int) -> None:
            self._notes.note(done)
            on_progress(done)

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
                on_progress=progress,
                on_row=on_row,
            )
        self.training = Training(
            method,
            TrainingSet(data.train_images, trained_on.given, data.mean, data.std, augmentation),
            [self._log] if self._log else [],
            config.seed,
            self._folder / CHECKPOINT,
        )

    @property
    def epochs_done(self) -> int:
        """How many epochs are finished."""
        return 0 if self._log is None else len(self._log.rows)

    def finish(self) -> dict[str, Any]:
        """Write the result, and return it."""
        result, log, teachers = {}, self._log, self._teachers
        if log is not None:
            metrics = pandas.DataFrame(log.rows)
            passes = teachers.passes * self._samples
            result = result_of(self._config, self._data, self._noisy, metrics, log.predictions, teachers.results, passes)
            files = {METRICS: metrics.to_csv(index=False).encode(), PREDICTIONS: pack(log.predictions)}
            write_result(self._folder, result, files, kept_digests(self._folder))
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
    if (lost := _why_not_continued(folder)) is not None:
        if lost:
            warnings.warn(f"{folder.name} starts again: {lost}", stacklevel=2)
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


def _why_not_continued(folder: Path) -> str | None:
    """Why a run cannot go on from its checkpoint; empty if it has none, and None if it can."""
    if not (folder / CHECKPOINT).exists():
        return ""
    try:
        state = read_checkpoint(folder / CHECKPOINT)
        # The first callback is the run's `RunLog`.
        epoch, digest = int(state["epoch"]), state["callbacks"][0]["recorder"]["digest"]
    except (ValueError, KeyError, IndexError, TypeError):
        return f"its {CHECKPOINT} is damaged"
    try:
        # Every row that the checkpoint relies on must be the one that was written.
        return None if check_records(folder / DYNAMICS, epochs=epoch) == digest else f"its {DYNAMICS} is another's"
    except DamagedError as error:
        return f"its {DYNAMICS} is damaged ({error.part})"
    except ValueError as error:
        return str(error)


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
