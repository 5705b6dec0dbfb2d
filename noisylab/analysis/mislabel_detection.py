"""How well a score finds the mislabelled samples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis._running import Values
from noisylab.analysis.scoring import available, is_high, score
from noisylab.corruption.sample_ids import joined_by_index

if TYPE_CHECKING:
    import pandas
    import xarray


class Detection(NamedTuple):
    """How well a score detects mislabelled samples; all in [0, 1].

    Attributes:
        roc_auc: Area under the ROC curve.
        average_precision: Area under the precision-recall curve.
        precision_at_count: Precision among as many of the most suspect samples as are mislabelled.
    """

    roc_auc: float
    average_precision: float
    precision_at_count: float


@joined_by_index
def detection(suspicion: ArrayLike, mislabelled: ArrayLike) -> Detection:
    """How well a score finds the mislabelled samples.

    Samples without a score (NaN) are left out. If samples tie at the cut, precision at the true count is the mean of drawing
    among them. ROC-AUC and average precision are defined as in scikit-learn.

    Args:
        suspicion: float[N], high for suspect samples; infinite values are the most or the least suspect.
        mislabelled: bool[N].

    Returns:
        The three numbers; all NaN unless there are both mislabelled and clean samples.

    Raises:
        ValueError: If the two differ in shape, or `mislabelled` is not boolean.

    Example:
        >>> from noisylab.analysis import detection
        >>> detection([0.9, 0.2, 0.6, 0.1], [True, False, False, False])
        Detection(roc_auc=1.0, average_precision=1.0, precision_at_count=1.0)
    """
    values, wrong = np.asarray(suspicion, dtype=np.float64), np.asarray(mislabelled)
    if values.ndim != 1 or values.shape != wrong.shape or wrong.dtype.kind != "b":
        raise ValueError(
            f"suspicion and mislabelled must be equally many numbers and True or False, got {values.shape} and "
            f"{wrong.dtype} {wrong.shape}"
        )
    there = ~np.isnan(values)
    values, wrong = values[there], wrong[there]
    count = int(wrong.sum())
    if not 0 < count < len(wrong):
        return Detection(np.nan, np.nan, np.nan)
    from sklearn.metrics import auc, roc_curve

    if np.isinf(values).any():
        values = np.unique(values, return_inverse=True)[1].astype(np.float64)
    # One sort serves all three: for each threshold, the number of picked samples and of mislabelled ones among them.
    false_rate, recall, _ = roc_curve(wrong, values, drop_intermediate=False)
    found = recall * count
    picked = found + false_rate * (len(wrong) - count)
    precision = found[1:] / picked[1:]
    return Detection(
        float(auc(false_rate, recall)), float(np.diff(recall) @ precision), float(np.interp(count, picked, found) / count)
    )


def suspicion(values: Values, name: str) -> Values:
    """The values of the score `name`, with the sign at which high values are suspect."""
    return values if is_high(name) else -values


def detection_table(
    runs: "xarray.Dataset | Mapping[str, xarray.Dataset]",
    scores: Sequence[str] | None = None,
    *,
    epochs: Sequence[int] | None = None,
) -> "pandas.DataFrame":
    """How well every score finds the mislabelled samples of every run.

    Args:
        runs: The records of a run, or of several runs by name.
        scores: Names of scores; by default all that the records allow.
        epochs: Counted from 0; gives the scores from the epochs up to each. By default the scores from all epochs.

    Returns:
        One row per run, score and epoch: run, score, epoch, and `Detection`'s roc_auc, average_precision, precision_at_count.

    Raises:
        ValueError: For records without true labels, `online` beside `eval` records, an unknown score, or an epoch out of range.

    Example:
        >>> from noisylab.analysis import detection_table
        >>> from noisylab.recording import load_dynamics
        >>> detection_table(load_dynamics("my_run"), ["wrong_events", "aum"], epochs=[9, 39])  # doctest: +SKIP
    """
    import pandas
    import xarray

    if isinstance(scores, str):
        raise ValueError(f"scores must be a list of names, got {scores!r}; write scores=[{scores!r}]")
    named: Mapping[str, xarray.Dataset] = {"": runs} if isinstance(runs, xarray.Dataset) else runs
    kinds = {str(name): records.attrs["record"] for name, records in named.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(f"runs must be all online or all eval, got {kinds}")
    rows = []
    for run, records in named.items():
        mislabelled = true_mask(records)
        last = records.sizes["epoch"] - 1
        if last < 0 or not all(0 <= epoch <= last for epoch in epochs or ()):
            raise ValueError(f"epochs must be in [0, {last}], got {epochs}")
        for name in available(records) if scores is None else scores:
            values = score(records, name, running=epochs is not None)
            after = {last: values} if epochs is None else {epoch: values[epoch] for epoch in epochs}
            for epoch, of_epoch in after.items():
                found = detection(suspicion(of_epoch, name), mislabelled)
                rows.append({"run": run, "score": name, "epoch": epoch, **found._asdict()})
    return pandas.DataFrame(rows, columns=["run", "score", "epoch", *Detection._fields])


def true_mask(records: "xarray.Dataset") -> NDArray[np.bool_]:
    """bool[N], which samples are mislabelled. Raises ValueError if true labels were not recorded."""
    if not records.attrs.get("true_labels", True):
        raise ValueError("detection needs true labels, and these records hold none; give true_labels when recording")
    return np.asarray(records["mislabelled"].values)
