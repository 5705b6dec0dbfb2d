"""What networks predict for labelled samples: accuracy by class, confusion, churn between networks, and chosen samples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis.calibration import check_outputs
from noisylab.core.checks import PositiveInt
from noisylab.corruption.sample_ids import joined_by_index
from noisylab.corruption.validation import label_array


@joined_by_index
def confusion(prediction: ArrayLike, labels: ArrayLike, num_classes: PositiveInt | None = None) -> NDArray[np.int64]:
    """The confusion matrix: how many samples of each class (row) are predicted as each class (column).

    Args:
        prediction: int[N], predicted classes.
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
    predicted, true, classes = _counted(prediction, labels, num_classes)
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


@joined_by_index
def class_accuracy(prediction: ArrayLike, labels: ArrayLike, num_classes: PositiveInt | None = None) -> NDArray[np.float64]:
    """The share of each class's samples that are predicted as it.

    Args:
        prediction: int[N], predicted classes.
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
    predicted, true, classes = _counted(prediction, labels, num_classes)
    right = np.bincount(true[true == predicted], minlength=classes)
    with np.errstate(invalid="ignore"):
        return np.asarray(right / np.bincount(true, minlength=classes))


@joined_by_index
def top_k_accuracy(logits: ArrayLike, labels: ArrayLike, k: PositiveInt = 5) -> float:
    """The share of samples with fewer than k classes ranked above their label.

    Of classes with equal logits the first one ranks highest, as in argmax.

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
    return float((above.sum(axis=1) < k).mean())


@joined_by_index
def churn(prediction: ArrayLike, other: ArrayLike) -> float:
    """The share of samples that two networks predict differently.

    Args:
        prediction: int[N], classes predicted by one network.
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
    return float((one != two).mean())


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
    pairs = [float((rows[place + 1 :] != row).mean(axis=1).sum()) for place, row in enumerate(rows[:-1])]
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


def _counted(
    prediction: ArrayLike, labels: ArrayLike, num_classes: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Both as int64[N], and the number of classes. Raises ValueError if it is too small."""
    predicted, true = _classes(prediction, labels)
    least = int(max(predicted.max(), true.max())) + 1
    if num_classes is not None and num_classes < least:
        raise ValueError(f"num_classes must be at least {least} for these labels and predictions, got {num_classes}")
    return predicted, true, least if num_classes is None else num_classes


def _classes(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as int64[N]. Raises ValueError if they are not N >= 1 classes each."""
    first, second = label_array(one), label_array(other)
    if first.shape != second.shape or first.ndim != 1 or not first.size or {first.dtype.kind, second.dtype.kind} - {"i", "u"}:
        raise ValueError(
            f"both must be int[N], equally long, got {first.dtype}{list(first.shape)} and {second.dtype}{list(second.shape)}"
        )
    if min(first.min(), second.min()) < 0:
        raise ValueError(f"classes must be at least 0, got {min(first.min(), second.min())}")
    return first.astype(np.int64), second.astype(np.int64)
