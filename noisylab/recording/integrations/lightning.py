"""`DynamicsCallback` for Lightning's Trainer: `pip install 'noisylab[lightning]'`."""

from collections.abc import Mapping
from os import PathLike
from tempfile import TemporaryDirectory
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import ArrayLike
from torch import Tensor

from noisylab.recording.recorder import DynamicsRecorder


class DynamicsCallback(Callback):  # type: ignore[misc]
    """Records every training step of `Trainer.fit` with a `DynamicsRecorder`; several processes write a shard each.

    `training_step` must return {"loss": loss, "logits": logits}. A batch must be a mapping with the sample ids as "index", or a
    sequence with them as its last part (as with `NoisyLabels.wrap`).

    folder, given_labels, options: arguments of `DynamicsRecorder`, which is created when training starts and kept as
    `recorder`. A resumed training (`ckpt_path`) goes on with the records in `folder`; for a new one there must be none, or
    `overwrite=True`. A `fast_dev_run` leaves no records. check_labels: whether the labels of a batch, "labels" or the part in
    the middle of three, must be the given ones. Raises ValueError for a Trainer without `max_epochs`, steps without logits, or
    batches without ids.
    """

    def __init__(
        self, folder: str | PathLike[str], given_labels: ArrayLike, *, check_labels: bool = True, **options: Any
    ) -> None:
        self.recorder: DynamicsRecorder | None = None
        self._folder, self._given, self._options, self._check_labels = folder, given_labels, options, check_labels
        self._trial: TemporaryDirectory[str] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the recorder, or continue an earlier one."""
        if trainer.max_epochs is None or trainer.max_epochs < 1:
            raise ValueError(f"the Trainer must have max_epochs of at least 1, got {trainer.max_epochs}")
        options = {"epochs": trainer.max_epochs} | self._options
        if trainer.global_step or trainer.ckpt_path is not None:
            options |= {"resume": True, "overwrite": False}
        # A trial run must not stand in the way of the real one.
        self._trial = TemporaryDirectory() if trainer.fast_dev_run else None
        self.recorder = DynamicsRecorder(self._folder if self._trial is None else self._trial.name, self._given, **options)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue with the Trainer's epoch."""
        assert self.recorder is not None
        self.recorder.go_to(trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Hand the step to the recorder."""
        assert self.recorder is not None
        # A step that returns None was skipped.
        if outputs is None:
            return
        logits = outputs.get("logits") if isinstance(outputs, Mapping) else None
        if not isinstance(logits, Tensor):
            raise ValueError(f'training_step must return {{"loss": loss, "logits": logits}}, got {_named(outputs)}')
        index = batch.get("index") if isinstance(batch, Mapping) else None
        # In a pair (images, labels) the last part is the labels.
        if isinstance(batch, list | tuple) and len(batch) >= 3:
            index = batch[-1]
        if not isinstance(index, Tensor) or index.shape != logits.shape[:1]:
            raise ValueError(
                f'a batch must hold the {len(logits)} sample ids as "index" or as the last of three parts or more, '
                f"got {_named(batch)}"
            )
        self.recorder.observe(index, logits, _labels(batch) if self._check_labels else None)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch's row."""
        assert self.recorder is not None
        self.recorder.end_epoch()


def _labels(batch: Any) -> Tensor | None:
    """The labels of a batch, if it is plain that they are: one class for each entry."""
    labels = batch.get("labels", batch.get("label")) if isinstance(batch, Mapping) else batch[1] if len(batch) == 3 else None
    whole = isinstance(labels, Tensor) and labels.ndim == 1 and not labels.is_floating_point()
    return labels if whole else None


def _named(value: Any) -> str:
    return f"a {type(value).__name__} of {list(value)}" if isinstance(value, Mapping) else f"a {type(value).__name__}"
