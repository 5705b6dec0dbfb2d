"""Flips: how many mislabelled samples change to their true or to their wrong given label from epoch to epoch."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import check_epochs
from noisylab.corruption.sample_ids import in_one_order
from noisylab.corruption.validation import label_array

if TYPE_CHECKING:
    import pandas

FLIPS = ("to_truth", "from_truth", "to_given", "from_given")


def flips(prediction: ArrayLike, given: ArrayLike, true: ArrayLike, *, shown: ArrayLike | None = None) -> "pandas.DataFrame":
    """How many mislabelled samples change to or from their true and their given label in every epoch.

    Args:
        prediction: int[E, N], predicted classes.
        given: int[N], given labels.
        true: int[N], true labels.
        shown: bool[E, N], which epochs showed the sample; by default all.

    Returns:
        One row per epoch: `to_truth`, `from_truth`, `to_given`, `from_given`, as shares of the `n` mislabelled samples that the
        epoch and an earlier one showed; a prediction is compared with the one before it. NaN if there are none, as in the
        first epoch.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> from noisylab.analysis import flips
        >>> flips(prediction=[[0, 1], [1, 1]], given=[1, 1], true=[0, 0])["to_given"].tolist()
        [nan, 0.5]
    """
    import pandas

    array, there = check_epochs(prediction, "prediction", shown)
    g, t = (label_array(labels) for labels in in_one_order({"given": given, "true": true}).values())
    if not g.shape == t.shape == array.shape[1:]:
        raise ValueError(f"given and true must have shape {array.shape[1:]}, got {g.shape} and {t.shape}")
    among = np.flatnonzero(g != t)
    g, t = g[among], t[among]
    before, known = array[0, among], np.zeros(len(among), dtype=np.bool_)
    rows = []
    for epoch, (all_now, all_present) in enumerate(zip(array, there, strict=True)):
        now, present = all_now[among], all_present[among]
        compared = known & present
        row: dict[str, float] = {"epoch": epoch, "n": int(compared.sum())}
        for label, name in ((t, "truth"), (g, "given")):
            was, is_ = before == label, now == label
            row |= {f"to_{name}": _share(~was & is_, compared), f"from_{name}": _share(was & ~is_, compared)}
        rows.append(row)
        before, known = np.where(present, now, before), known | present
    return pandas.DataFrame(rows, columns=["epoch", *FLIPS, "n"])


def _share(event: np.ndarray, among: np.ndarray) -> float:
    return float(event[among].mean()) if among.any() else float("nan")
