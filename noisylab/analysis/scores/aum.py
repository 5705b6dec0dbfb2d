"""AUM, the area under the margin, and the fake class that gives its threshold (Pleiss et al. 2020)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis._running import Values, mean_over_epochs
from noisylab.core.registries import SCORES
from noisylab.corruption.validation import check_integer, check_labels


class FakeClass(NamedTuple):
    """labels: int64[N], those of the threshold samples changed to class K; positions: int64[M], which samples these are."""

    labels: NDArray[np.int64]
    positions: NDArray[np.int64]


@SCORES.register("aum", needs="margin", high=False)
def aum(margin: ArrayLike, *, running: bool = False) -> Values:
    """float64[N], the mean over epochs of z_given - max of the other logits [E, N]; NaN entries are left out (section 3.1).

    running: the value after each epoch, float64[E, N]. Raises ValueError for other shapes.
    """
    return mean_over_epochs(margin, "margin", running=running)


def fake_classes(given_labels: ArrayLike, num_classes: int | None = None, *, seed: int = 0) -> tuple[FakeClass, FakeClass]:
    """The labels of the two trainings that decide on every sample: each gives N // (K + 1) other samples to a fake class K.

    Train a network of K + 1 classes on the labels of each, and hand both AUMs to `mislabelled_by_aum` (section 3.2). Raises
    ValueError for bad labels, and for fewer than K + 1 samples.
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
    """The AUM below which a sample behaves like one of the fake class: a percentile of the threshold samples' AUMs float[N]."""
    scores, place = np.asarray(values, dtype=np.float64), np.asarray(positions)
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile must be in [0, 100], got {percentile!r}")
    if place.ndim != 1 or place.dtype.kind not in "iu" or not len(place) or not 0 <= place.min() <= place.max() < len(scores):
        raise ValueError(f"positions must name some of the {len(scores)} samples, got {positions!r}")
    return float(np.nanpercentile(scores[place], percentile))


def mislabelled_by_aum(
    values: Sequence[ArrayLike], positions: Sequence[ArrayLike], *, percentile: float = 99.0
) -> NDArray[np.bool_]:
    """bool[N], which samples have an AUM below the threshold of their training.

    values: the AUMs float[N] of each training; positions: the threshold samples of each. A sample is judged by the first
    training in which it is no threshold sample. Raises ValueError where there is none, or the lengths differ.
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
