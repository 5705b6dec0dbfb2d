"""`RunLog`: the callback that measures a run, with one row of metrics and one of records per epoch."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from noisylab.analysis.memorised_fractions import memorisation
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.recording.recorder import DynamicsRecorder
from noisylab.training.callback import Callback, EpochSummary
from noisylab.training.evaluate import Evaluator


@dataclasses.dataclass
class RunLog(Callback):
    """Test accuracy, the fractions of clean and mislabelled samples, and the recorder's rows. True labels stay in here.

    train: the training images, for a recorder of `eval` outputs; None for `online` outputs. on_progress, on_row: called after
    every epoch with the number of epochs done, and with its row of metrics.
    """

    recorder: DynamicsRecorder
    given: NDArray[np.int64]
    true: NDArray[np.int64]
    test: Evaluator
    test_labels: NDArray[np.int64]
    train: Evaluator | None = None
    on_progress: Callable[[int], None] = lambda _: None
    on_row: Callable[[Mapping[str, Any]], None] = lambda _: None
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def on_step(self, batch: Batch, step: Step) -> None:
        """Hand the step to the recorder."""
        if self.train is None and step.logits is not None:
            self.recorder.observe(batch.index, step.logits.float(), batch.labels, batch.new)

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """Evaluate, and add the epoch's row."""
        if self.train is not None:
            logits = self.train.logits(method)
            index = torch.arange(len(logits), device=logits.device)
            self.recorder.observe(index, logits, torch.tensor(self.given, device=logits.device))
        self.recorder.end_epoch()
        prediction = self.recorder.last["prediction"]
        seen = prediction != self.recorder.missing
        fractions = memorisation(prediction[seen], self.given[seen], self.true[seen])
        predicted = self.test.logits(method).argmax(dim=1).cpu().numpy()
        self.rows.append(
            {
                "epoch": summary.epoch,
                "train_loss": summary.train_loss,
                "test_accuracy": float((predicted == self.test_labels).mean()),
                "clean_correct": fractions.clean_correct,
                "mislabelled_correct": fractions.correct,
                "mislabelled_memorised": fractions.memorised,
                "mislabelled_other": fractions.other,
                "learning_rate": summary.learning_rate,
                "steps": summary.steps,
                "images": summary.images,
                "seconds": summary.seconds,
                "images_per_second": summary.images / summary.seconds,
            }
        )
        self.on_row(self.rows[-1])
        self.on_progress(len(self.rows))

    def state_dict(self) -> dict[str, Any]:
        """The rows so far and the recorder's state."""
        return {"rows": self.rows, "recorder": self.recorder.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        self.rows = list(state["rows"])
        self.recorder.load_state_dict(state["recorder"])
        self.on_progress(len(self.rows))
