"""`RunLog`: the callback that measures a run, with one row of metrics and one of records per epoch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.analysis.memorised_fractions import memorisation
from noisylab.analysis.predicted_classes import Selection, selection
from noisylab.corruption import NoisyLabels
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.recording.recorder import DynamicsRecorder
from noisylab.study.predictions import Predictions, compact
from noisylab.training.callback import Callback, EpochSummary
from noisylab.training.evaluate import Evaluator, predicted

# The last epochs, which are always evaluated.
ALWAYS = 10
MISSING = float("nan")


class Labelled(NamedTuple):
    """Images to evaluate networks on, and their labels int64[M]."""

    images: Evaluator
    labels: NDArray[np.int64]


@dataclass
class RunLog(Callback):
    """Test accuracy, the fractions of clean and mislabelled samples, and the recorder's rows. True labels stay in here.

    noisy: the labels of the training samples. validation: held-out images with their given labels. keep_selected: whether the
    outputs and the network of the epoch with the best validation accuracy are kept, the first one on ties. evaluate_every:
    evaluate after every so many epochs, and after each of the last ten. train: the training images, for a recorder of `eval`
    outputs; None for `online` outputs. on_progress, on_row: called after every epoch with the number of epochs done, and with
    its row of metrics.
    """

    recorder: DynamicsRecorder
    noisy: NoisyLabels
    test: Labelled
    validation: Labelled | None = None
    keep_selected: bool = False
    evaluate_every: int = 1
    train: Evaluator | None = None
    on_progress: Callable[[int], None] = lambda _: None
    on_row: Callable[[Mapping[str, Any]], None] = lambda _: None
    rows: list[dict[str, Any]] = field(default_factory=list, init=False)
    # The state besides the rows: the recorded predictions of the epoch before, the test logits of the last and of the selected
    # epoch (float16), and the selected network.
    _before: Tensor | None = field(default=None, init=False)
    _logits: Tensor | None = field(default=None, init=False)
    _logits_selected: Tensor | None = field(default=None, init=False)
    _network: dict[str, Tensor] | None = field(default=None, init=False)
    # What a selecting method chose from each batch of this epoch: samples, and whether they were chosen.
    _chosen: list[tuple[Tensor, Tensor]] = field(default_factory=list, init=False)

    def on_step(self, batch: Batch, step: Step) -> None:
        """Hand the step to the recorder, and keep what a selecting method chose."""
        if self.train is None and step.logits is not None:
            self.recorder.observe(batch.index, step.logits.float(), batch.labels, batch.new)
        if step.selected is not None:
            self._chosen.append((batch.index, step.selected))

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """Evaluate, and add the epoch's row."""
        if self.train is not None:
            logits = self.train.logits(method)
            index = torch.arange(len(logits), device=logits.device)
            self.recorder.observe(index, logits, torch.tensor(self.noisy.given, device=logits.device))
        # Rows after the last checkpoint would be written again.
        self.recorder.end_epoch(write=False)
        prediction = self.recorder.last["prediction"]
        seen = prediction != self.recorder.missing
        fractions = memorisation(prediction[seen], self.noisy.given[seen], self.noisy.true[seen])
        consistency_clean, consistency_mislabelled = self._consistency(prediction)
        chosen = self._selection()
        test_accuracy, validation_accuracy = self._evaluate(summary.epoch, method)
        self.rows.append(
            {
                "epoch": summary.epoch,
                "train_loss": summary.train_loss,
                "test_accuracy": test_accuracy,
                "validation_accuracy": validation_accuracy,
                "clean_correct": fractions.clean_correct,
                "mislabelled_correct": fractions.correct,
                "mislabelled_memorised": fractions.memorised,
                "mislabelled_other": fractions.other,
                "consistency_clean": consistency_clean,
                "consistency_mislabelled": consistency_mislabelled,
                "selection_precision": chosen.precision,
                "selection_recall": chosen.recall,
                "learning_rate": summary.learning_rate,
                "updates": summary.updates,
                "images": summary.images,
                "seconds": summary.seconds,
                "images_per_second": summary.images / summary.seconds,
            }
        )
        self.on_row(self.rows[-1])
        self.on_progress(len(self.rows))

    @property
    def predictions(self) -> Predictions:
        """The outputs for the test set, once the last epoch is over."""
        assert self._logits is not None
        selected = None if self._logits_selected is None else self._logits_selected.cpu().numpy()
        return Predictions(self._logits.cpu().numpy(), self.test.labels, selected)

    def _evaluate(self, epoch: int, method: Method) -> tuple[float, float]:
        """Test and validation accuracy; NaN if they are not measured."""
        if (epoch + 1) % self.evaluate_every and epoch < self.recorder.epochs - ALWAYS:
            return MISSING, MISSING
        logits = self.test.images.logits(method)
        if epoch + 1 == self.recorder.epochs:
            self._logits = compact(logits)
        test_accuracy = _accuracy(logits, self.test.labels)
        if self.validation is None:
            return test_accuracy, MISSING
        validation_accuracy = _accuracy(self.validation.images.logits(method), self.validation.labels)
        best = max((row["validation_accuracy"] for row in self.rows if row["validation_accuracy"] >= 0), default=-1.0)
        if self.keep_selected and validation_accuracy > best:
            self._logits_selected = compact(logits)
            self._network = {name: value.clone() for name, value in method.network.state_dict().items()}
        return test_accuracy, validation_accuracy

    def _consistency(self, prediction: NDArray[Any]) -> tuple[float, float]:
        """The shares of clean and of mislabelled samples with the recorded prediction of the epoch before."""
        now = prediction.astype(np.int64)
        before = None if self._before is None else self._before.numpy()
        self._before = torch.from_numpy(now)
        if before is None:
            return MISSING, MISSING
        seen, same = (now != self.recorder.missing) & (before != self.recorder.missing), now == before
        among = seen & ~self.noisy.mislabelled, seen & self.noisy.mislabelled
        clean, mislabelled = (float(same[each].mean()) if each.any() else MISSING for each in among)
        return clean, mislabelled

    def _selection(self) -> Selection:
        """How well the method chose in this epoch; NaN if it chooses nothing."""
        if not self._chosen:
            return Selection(MISSING, MISSING)
        index, selected = (torch.cat(parts).cpu().numpy() for parts in zip(*self._chosen, strict=True))
        self._chosen = []
        return selection(selected, self.noisy.mislabelled[index])

    def flush(self) -> None:
        """Make the recorder's rows durable."""
        self.recorder.flush()

    def state_dict(self) -> dict[str, Any]:
        """The rows so far, the recorder's state, and the outputs that are still needed."""
        return {
            "rows": self.rows,
            "recorder": self.recorder.unflushed_state(),
            "before": self._before,
            "logits": self._logits,
            "logits_selected": self._logits_selected,
            "network": self._network,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        self.rows = list(state["rows"])
        self.recorder.load_state_dict(state["recorder"])
        self._before = None if state["before"] is None else state["before"].cpu()
        self._logits, self._logits_selected, self._network = (state[name] for name in ("logits", "logits_selected", "network"))
        self._chosen = []
        self.on_progress(len(self.rows))


def _accuracy(logits: Tensor, labels: NDArray[np.int64]) -> float:
    return float((predicted(logits).cpu().numpy() == labels).mean())
