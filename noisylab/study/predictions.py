"""What a run predicts for the test set: `predictions.npz`, and tables of many runs' predictions."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.analysis.calibration import aurc, brier, ece, ece_classwise, nll
from noisylab.analysis.predicted_classes import class_accuracy, classes_of, confusion, mean_churn, top_k_accuracy
from noisylab.corruption.matrices import DENSE
from noisylab.study.run_folder import PREDICTIONS, read_config, read_file

if TYPE_CHECKING:
    import pandas

MEASURES = {"nll": nll, "ece": ece, "ece_classwise": ece_classwise, "brier": brier, "aurc": aurc, "top5": top_k_accuracy}


class Predictions(NamedTuple):
    """The outputs for M test samples.

    Attributes:
        logits: float16[M, K] of the last epoch, less each sample's largest one, which no probability depends on; NaN for a
            sample whose logits were not finite.
        labels: int64[M], true labels.
        logits_selected: The same of the epoch that was selected on validation data; None if none was.
    """

    logits: NDArray[np.float16]
    labels: NDArray[np.int64]
    logits_selected: NDArray[np.float16] | None = None


def compact(logits: Tensor) -> Tensor:
    """Logits float16[M, K], less each sample's largest one: those near it, which matter, lose nothing.

    A sample whose logits are not all finite has NaN alone, since it has no prediction.
    """
    lowest = float(torch.finfo(torch.float16).min)
    packed = (logits - logits.amax(dim=1, keepdim=True)).clamp(min=lowest).half()
    return torch.where(logits.isfinite().all(dim=1, keepdim=True), packed, torch.nan)


def pack(predictions: Predictions) -> bytes:
    """The content of `predictions.npz`."""
    buffer = io.BytesIO()
    held = {name: array for name, array in predictions._asdict().items() if array is not None}
    np.savez(buffer, allow_pickle=False, **held)
    return buffer.getvalue()


def read_predictions(run_folder: Path) -> Predictions:
    """The outputs of a finished run for the test set. Raises ValueError if the run is unfinished or damaged."""
    with np.load(io.BytesIO(read_file(run_folder, PREDICTIONS)), allow_pickle=False) as archive:
        return Predictions(**archive)


def measured(predictions: Predictions) -> dict[str, float]:
    """The measures of the last epoch's outputs, by column of `results.csv`."""
    # A network that gave up on some sample has no probabilities, but its predictions can be counted.
    known = not np.isnan(predictions.logits).any()
    return {
        f"test_{name}": measure(predictions.logits, predictions.labels) if known or name == "top5" else float("nan")
        for name, measure in MEASURES.items()
    }


def class_accuracy_table(study: Path, results: "pandas.DataFrame") -> "pandas.DataFrame":
    """The accuracy per class of the runs in `results` (rows of `results.csv`), in the last epoch.

    A row per run and class: id, noise, method, seed, class, class_name, n (test samples) and accuracy.
    """
    import pandas

    rows = []
    for run, found in _each(study, results):
        counts, names = np.bincount(found.labels, minlength=found.logits.shape[1]), _class_names(study, run)
        accuracies = class_accuracy(classes_of(found.logits), found.labels, found.logits.shape[1])
        rows += [
            run | {"class": label, "class_name": names[label], "n": count, "accuracy": accuracy}
            for label, (count, accuracy) in enumerate(zip(counts.tolist(), accuracies.tolist(), strict=True))
        ]
    return pandas.DataFrame(rows)


def confusion_table(study: Path, results: "pandas.DataFrame") -> "pandas.DataFrame":
    """The confusion matrices of the runs in `results` (rows of `results.csv`), in the last epoch.

    A row per run and pair of classes: id, noise, method, seed, true, true_name, predicted, predicted_name and n (test samples).
    Of more than 1,000 classes only the pairs that occur.
    """
    import pandas

    rows = []
    for run, found in _each(study, results):
        predicted, classes, names = classes_of(found.logits), found.logits.shape[1], _class_names(study, run)
        if classes > DENSE:
            there = predicted >= 0
            pairs, counts = np.unique(found.labels[there] * classes + predicted[there], return_counts=True)
        else:
            pairs, counts = np.arange(classes**2), confusion(predicted, found.labels, classes).ravel()
        rows += [
            run | {"true": t, "true_name": names[t], "predicted": p, "predicted_name": names[p], "n": n}
            for t, p, n in zip(*(part.tolist() for part in (*np.divmod(pairs, classes), counts)), strict=True)
        ]
    return pandas.DataFrame(rows)


def churn_table(study: Path, results: "pandas.DataFrame") -> "pandas.DataFrame":
    """`mean_churn` between the seeds of each noise and method in `results` (rows of `results.csv` that share their settings).

    A row per noise and method: n (runs) and churn, the share of test samples that two of them predict differently.
    """
    import pandas

    classes: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
    for run, found in _each(study, results):
        classes.setdefault((str(run["noise"]), str(run["method"])), []).append(classes_of(found.logits))
    return pandas.DataFrame(
        [
            {"noise": noise, "method": method, "n": len(rows), "churn": mean_churn(np.stack(rows))}
            for (noise, method), rows in classes.items()
        ]
    )


def _class_names(study: Path, run: Mapping[str, object]) -> list[str]:
    return list(read_config(study / str(run["id"]))["images"]["class_names"])


def _each(study: Path, results: "pandas.DataFrame") -> Iterator[tuple[dict[str, object], Predictions]]:
    """What names each run in a table, and its predictions."""
    for row in results[["id", "noise", "method", "seed"]].to_dict("records"):
        yield {str(name): value for name, value in row.items()}, read_predictions(study / str(row["id"]))
