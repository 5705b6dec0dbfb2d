"""What networks predict for labelled samples: accuracy by class, confusion, churn between networks, and chosen samples."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis.calibration import check_outputs
from noisylab.core.checks import PositiveInt
from noisylab.corruption.sample_ids import joined_by_index
from noisylab.corruption.validation import label_array


def classes_of(logits: ArrayLike) -> NDArray[np.int64]:
    """The predicted classes: the highest of the logits, the first one on ties.

    Args:
        logits: float[N, K], logits or log-probabilities.

    Returns:
        int64[N]; -1, no prediction, for a sample with NaN or positive infinity, or with negative infinity alone. The functions
        of this module count it as wrong.

    Raises:
        ValueError: For another shape.

    Example:
        >>> from noisylab.analysis import classes_of
        >>> classes_of([[0.5, 2.0], [float("nan"), 1.0]]).tolist()
        [1, -1]
    """
    z = np.asarray(logits)
    if z.ndim != 2 or not z.size or z.dtype.kind not in "fiu":
        raise ValueError(f"logits must be float[N, K], got {z.dtype}{list(z.shape)}")
    # The highest of numbers with NaN is NaN.
    return np.where(np.isfinite(z.max(axis=1)), z.argmax(axis=1), -1)


@joined_by_index
def confusion(prediction: ArrayLike, labels: ArrayLike, num_classes: PositiveInt | None = None) -> NDArray[np.int64]:
    """The confusion matrix: how many samples of each class (row) are predicted as each class (column).

    Args:
        prediction: int[N], predicted classes; -1 for a sample without a prediction, which no column counts.
        labels: int[N].
        num_classes: K; by default that of the labels and predictions.

    Returns:
        int64[K, K].

    Raises:
        ValueError: If the two differ in shape, or a class is out of range.

    Example:
        >>> from noisylab.analysis import confusion
        >>> confusion([0, 1, 1], [0, 0, 1]).tolist()
        [[1, 1], [0, 1]]
    """
    predicted, true, classes = _labelled(prediction, labels, num_classes)
    there = predicted >= 0
    return np.bincount(true[there] * classes + predicted[there], minlength=classes**2).reshape(classes, classes)


@joined_by_index
def class_accuracy(prediction: ArrayLike, labels: ArrayLike, num_classes: PositiveInt | None = None) -> NDArray[np.float64]:
    """The share of each class's samples that are predicted as it.

    Args:
        prediction: int[N], predicted classes; -1, which is wrong, for a sample without a prediction.
        labels: int[N].
        num_classes: K; by default that of the labels and predictions.

    Returns:
        float64[K]; NaN for a class without samples.

    Raises:
        ValueError: If the two differ in shape, or a class is out of range.

    Example:
        >>> from noisylab.analysis import class_accuracy
        >>> class_accuracy([0, 1, 1], [0, 0, 1]).tolist()
        [0.5, 1.0]
    """
    predicted, true, classes = _labelled(prediction, labels, num_classes)
    right, samples = (np.bincount(each, minlength=classes) for each in (true[predicted == true], true))
    with np.errstate(invalid="ignore"):
        return np.asarray(right / samples)


@joined_by_index
def top_k_accuracy(logits: ArrayLike, labels: ArrayLike, k: PositiveInt = 5) -> float:
    """The share of samples with fewer than k classes ranked above their label.

    Of classes with equal logits the first one ranks highest, as in argmax. A sample without a prediction (see
    `classes_of`) is wrong.

    Args:
        logits: float[N, K], logits or probabilities.
        labels: int[N].
        k: How many classes may be named.

    Returns:
        The share, in [0, 1]; 1 for k of at least K.

    Raises:
        ValueError: If shapes or classes do not fit.

    Example:
        >>> from noisylab.analysis import top_k_accuracy
        >>> top_k_accuracy([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]], [1, 2], k=2)
        0.5
    """
    z, given = check_outputs(logits, labels)
    own = z[np.arange(len(given)), given][:, None]
    above = (z > own) | ((z == own) & (np.arange(z.shape[1]) < given[:, None]))
    return float(((above.sum(axis=1) < k) & np.isfinite(z.max(axis=1))).mean())


@joined_by_index
def churn(prediction: ArrayLike, other: ArrayLike) -> float:
    """The share of samples that two networks predict differently.

    Args:
        prediction: int[N], classes predicted by one network; -1, which equals nothing, if it predicts none.
        other: int[N], those of the other one, for the same samples.

    Returns:
        The share, in [0, 1].

    Raises:
        ValueError: If the two differ in shape.

    Example:
        >>> from noisylab.analysis import churn
        >>> churn([0, 1, 1, 2], [0, 1, 2, 2])
        0.25

    Source:
        Milani Fard et al. (2016), Launch and iterate: reducing prediction churn, Eq. 1.
    """
    one, two = _classes(prediction, other)
    return float(_differ(one, two).mean())


def mean_churn(predictions: ArrayLike) -> float:
    """`churn` between seeds: the mean over all pairs of networks.

    Args:
        predictions: int[R, N], classes that R networks predict for the same samples.

    Returns:
        The mean, in [0, 1]; NaN for a single network.

    Raises:
        ValueError: For another shape.

    Example:
        >>> from noisylab.analysis import mean_churn
        >>> mean_churn([[0, 1], [0, 1], [0, 2]])
        0.3333333333333333
    """
    rows = np.asarray(predictions)
    if rows.ndim != 2 or not rows.size or rows.dtype.kind not in "iu":
        raise ValueError(f"predictions must be int[R, N], got {rows.dtype}{list(rows.shape)}")
    pairs = [float(_differ(rows[place + 1 :], row).mean(axis=1).sum()) for place, row in enumerate(rows[:-1])]
    count = len(rows) * (len(rows) - 1) / 2
    return sum(pairs) / count if count else float("nan")


class Selection(NamedTuple):
    """How well a method chose correctly labelled samples; shares in [0, 1].

    Attributes:
        precision: Of the chosen entries, those whose given label is true (label precision); NaN if none was chosen.
        recall: Of the entries whose given label is true, those that were chosen; NaN if there is none.
    """

    precision: float
    recall: float


@joined_by_index
def selection(selected: ArrayLike, mislabelled: ArrayLike) -> Selection:
    """How well a method chose correctly labelled samples.

    Args:
        selected: bool[N], the entries that it trained on.
        mislabelled: bool[N].

    Returns:
        Precision and recall.

    Raises:
        ValueError: If the two differ in shape.

    Example:
        >>> from noisylab.analysis import selection
        >>> selection([True, True, False, False], [False, True, False, False])
        Selection(precision=0.5, recall=0.3333333333333333)

    Source:
        Han et al. (2018), Co-teaching, Sec. 4: label precision, there called pure ratio.
    """
    chosen, wrong = np.asarray(selected, dtype=bool), np.asarray(mislabelled, dtype=bool)
    if chosen.shape != wrong.shape:
        raise ValueError(f"selected and mislabelled must be equally long, got {chosen.shape} and {wrong.shape}")
    both, count, right = int((chosen & ~wrong).sum()), int(chosen.sum()), int((~wrong).sum())
    return Selection(both / count if count else float("nan"), both / right if right else float("nan"))


def _differ(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((one != other) | (one < 0))


def _labelled(
    prediction: ArrayLike, labels: ArrayLike, num_classes: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Predictions, labels and the number of classes. Raises ValueError if they do not fit each other."""
    predicted, true = _classes(prediction, labels)
    if true.min() < 0:
        raise ValueError(f"labels must be at least 0, got {true.min()} at position {int(true.argmin())}")
    least = int(max(predicted.max(), true.max())) + 1
    classes = least if num_classes is None else num_classes
    if classes < least:
        raise ValueError(f"num_classes must be at least {least} for these labels and predictions, got {classes}")
    return predicted, true, classes


def _classes(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as int64[N]. Raises ValueError if they are not N >= 1 classes each."""
    first, second = label_array(one), label_array(other)
    if first.shape != second.shape or first.ndim != 1 or not first.size or {first.dtype.kind, second.dtype.kind} - {"i", "u"}:
        raise ValueError(
            f"both must be int[N], equally long, got {first.dtype}{list(first.shape)} and {second.dtype}{list(second.shape)}"
        )
    for each in (first, second):
        if each.min() < -1:
            raise ValueError(f"classes must be at least 0, or -1 for none, got {each.min()} at position {int(each.argmin())}")
    return first.astype(np.int64), second.astype(np.int64)
