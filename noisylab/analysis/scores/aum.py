"""AUM, the area under the margin, and the fake class that gives its threshold (Pleiss et al. 2020)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis._running import Values, mean_over_epochs
from noisylab.core.registries import SCORES
from noisylab.corruption.validation import check_integer, check_labels


class FakeClass(NamedTuple):
    """The labels of one of the two trainings.

    Attributes:
        labels: int64[N], with class K for the threshold samples.
        positions: int64[M], the threshold samples.
    """

    labels: NDArray[np.int64]
    positions: NDArray[np.int64]


@SCORES.register("aum", needs="margin", high=False)
def aum(margin: ArrayLike, *, running: bool = False) -> Values:
    """AUM: the mean margin over epochs, z_given - max of the other logits (Pleiss et al. 2020).

    Args:
        margin: float[E, N]; entries that are NaN or infinite are left out.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`. Mislabelled samples have low values.

    Example:
        >>> from noisylab.analysis import aum
        >>> aum([[1.0, -2.0], [3.0, -4.0]]).tolist()
        [2.0, -3.0]

    Source:
        Pleiss et al., NeurIPS 2020, section 3.1.
    """
    # A single infinite margin would decide the mean.
    return mean_over_epochs(margin, "margin", shown=np.isfinite(np.asarray(margin)), running=running)


def fake_classes(given_labels: ArrayLike, num_classes: int | None = None, *, seed: int = 0) -> tuple[FakeClass, FakeClass]:
    """The labels of two trainings that give AUM's threshold: each gives N // (K + 1) other samples to a fake class K.

    Train a network of K + 1 classes on the labels of each, and pass both AUMs to `mislabelled_by_aum`.

    Args:
        given_labels: int[N].
        num_classes: K; by default that of the labels.
        seed: Seed of the choice.

    Returns:
        The labels and threshold samples of both trainings.

    Raises:
        ValueError: For bad labels, or fewer than K + 1 samples.

    Example:
        >>> from noisylab.analysis import fake_classes
        >>> first, second = fake_classes([0, 1] * 6)
        >>> len(first.positions), int(first.labels.max())
        (4, 2)

    Source:
        Pleiss et al., NeurIPS 2020, section 3.2.
    """
    labels, classes = check_labels(given_labels, num_classes)
    size = len(labels) // (classes + 1)
    if not size:
        raise ValueError(f"given_labels must be at least {classes + 1} for {classes} classes, got {len(labels)}")
    order = np.random.default_rng(check_integer("seed", seed)).permutation(len(labels))
    parts = []
    for part in range(2):
        positions = np.sort(order[part * size : (part + 1) * size])
        changed = labels.copy()
        changed[positions] = classes
        parts.append(FakeClass(changed, positions))
    return parts[0], parts[1]


def aum_threshold(values: ArrayLike, positions: ArrayLike, *, percentile: float = 99.0) -> float:
    """The AUM below which a sample behaves as if it were mislabelled: a percentile of the threshold samples' AUMs.

    Args:
        values: float[N], AUMs.
        positions: int[M], the threshold samples.
        percentile: In [0, 100].

    Returns:
        The threshold.

    Raises:
        ValueError: For another percentile, or for positions that are not samples.

    Example:
        >>> from noisylab.analysis import aum_threshold
        >>> aum_threshold([3.0, -1.0, 2.0, 1.0], positions=[1, 3], percentile=50)
        0.0
    """
    scores, place = np.asarray(values, dtype=np.float64), np.asarray(positions)
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile must be in [0, 100], got {percentile!r}")
    if place.ndim != 1 or place.dtype.kind not in "iu" or not len(place) or not 0 <= place.min() <= place.max() < len(scores):
        raise ValueError(f"positions must name some of the {len(scores)} samples, got {positions!r}")
    return float(np.nanpercentile(scores[place], percentile))


def mislabelled_by_aum(
    values: Sequence[ArrayLike], positions: Sequence[ArrayLike], *, percentile: float = 99.0
) -> NDArray[np.bool_]:
    """The samples whose AUM is below the threshold of their training.

    A sample is judged by the first training in which it is not a threshold sample.

    Args:
        values: The AUMs float[N] of each training.
        positions: The threshold samples int[M] of each training.
        percentile: Of the threshold samples' AUMs, in [0, 100].

    Returns:
        bool[N].

    Raises:
        ValueError: If lengths differ, or a sample is a threshold sample of every training.

    Example:
        >>> from noisylab.analysis import mislabelled_by_aum
        >>> mislabelled_by_aum([[3.0, -1.0, 2.0], [0.0, 4.0, -5.0]], positions=[[1], [0]]).tolist()
        [False, False, False]
    """
    scores = [np.asarray(each, dtype=np.float64) for each in values]
    if not scores or len(scores) != len(positions) or len({each.shape for each in scores}) > 1:
        shapes = [each.shape for each in scores]
        raise ValueError(
            f"values and positions must be of the same trainings and samples, got {shapes}, {len(positions)} positions"
        )
    flagged = np.zeros(len(scores[0]), dtype=np.bool_)
    open_ = np.ones(len(scores[0]), dtype=np.bool_)
    for each, fake in zip(scores, positions, strict=True):
        judged = open_.copy()
        judged[np.asarray(fake)] = False
        flagged[judged] = each[judged] < aum_threshold(each, fake, percentile=percentile)
        open_ &= ~judged
    if open_.any():
        raise ValueError(f"sample {int(open_.argmax())} is a threshold sample of every training, so nothing judges it")
    return flagged
