"""Labels from a file."""

import warnings
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PathText, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes, rate_in_text_order
from noisylab.corruption.class_numbers import numbered_by
from noisylab.corruption.label_files import open_labels
from noisylab.corruption.label_tables import as_whole
from noisylab.corruption.record import NoisyLabels, from_pair
from noisylab.corruption.sample_ids import has_own_index
from noisylab.corruption.validation import check_true_labels


@NOISES.register("file", main="path")
@named_classes
def from_file(
    labels: ArrayLike,
    path: PathText | PathLike[str],
    num_classes: PositiveInt | None = None,
    *,
    column: str | None = None,
    by: str | None = None,
    rate: UnitInterval | None = None,
    positions: ArrayLike | None = None,
    sample_names: ArrayLike | None = None,
    class_names: tuple[str, ...] | None = None,
) -> NoisyLabels:
    """The given labels in a file (see `read_labels`). Of T, only the realised n_ij / n_i is known.

    Args:
        labels: int[N] true labels.
        path: The file.
        num_classes: The number of classes; by default, that of the labels.
        column: The column of the labels, if several may hold the given labels.
        by: The column that says which sample a row is, if that is not clear; "position": rows are in the order of the samples.
        rate: The expected rate of the file, within .01. Without it, a file that agrees with the true labels no more than a
            shuffled one is refused.
        positions: int[N], which samples of the data set these are; by default all.
        sample_names: str[N], the files of the samples (`cat/001.png`), for a column of file names.
        class_names: In the order of the classes, if the file holds names.

    Returns:
        The record. Warns if no label is wrong, unless `rate` is 0.

    Raises:
        ValueError: If the file is malformed, has other samples, other classes or another rate, or looks shuffled, or if its
            column of true labels differs.

    Example:
        >>> from pathlib import Path
        >>> from noisylab.corruption import from_file
        >>> _ = Path("given.json").write_text("[0, 1, 1, 1]")
        >>> from_file([0, 1, 0, 1], "given.json").rate
        0.25
    """
    path = str(path)
    clean, classes = check_true_labels(labels, num_classes)
    file = open_labels(path, column)
    names = None if sample_names is None else np.asarray(sample_names)
    place = np.arange(len(clean)) if positions is None else np.asarray(positions)
    for name, array in (("positions", place), ("sample_names", names)):
        if array is not None and array.shape != clean.shape:
            raise ValueError(f"{name} must be one for each of the {len(clean)} samples, got an array of shape {array.shape}")
    rows, joined = file.rows_of(place, names, by)
    if joined is not None and positions is None and names is None and has_own_index(labels):
        raise ValueError(
            f"{path!r} is joined by its column {joined!r}, and labels have an index of their own: pass positions=labels.index, "
            "sample_names=labels.index or labels.to_numpy()"
        )
    given = file.checked(_numbered(path, file.labels, class_names)[rows], rows, classes)
    if file.true is not None:
        stated = _numbered(path, file.true, class_names)[rows]
        if not np.array_equal(stated, clean):
            wrong = int(np.flatnonzero(stated != clean)[0])
            raise ValueError(
                f"{path!r} states true label {stated[wrong]} for sample {wrong} in {file.table.place(int(rows[wrong]))}, "
                f"which has {clean[wrong]}"
            )
    chosen = {key: value for key, value in (("column", column), ("by", by)) if value is not None}
    noisy = from_pair(clean, given, classes, kind="file", path=path, **chosen)
    if noisy.rate == 0 and rate != 0:
        warnings.warn(f"{path!r} gives every sample its true label (rate 0): is it the file of given labels?", stacklevel=2)
    chance = 1 - float(np.bincount(clean, minlength=classes) @ np.bincount(given, minlength=classes)) / len(clean) ** 2
    if rate is None and classes > 1 and noisy.rate > 0.95 * chance:
        raise ValueError(
            f"{path!r} has rate {noisy.rate:.4f}, as labels in another order would; give rate= to say that it is meant"
        )
    other = rate_in_text_order(clean, given, class_names)
    if rate is None and other < noisy.rate - 0.1:
        raise ValueError(
            f"{path!r} has rate {noisy.rate:.4f}, and {other:.4f} if its numbers are those of torchvision's ImageFolder, which "
            "orders numbers as text (10 before 2); write names as text, in a .json file, or give rate= to say that it is meant"
        )
    if rate is not None and abs(noisy.rate - rate) > 0.01:
        raise ValueError(f"{path!r} must have rate {rate:g}, got {noisy.rate:.4f}; is it in the order of these labels?")
    return noisy


def _numbered(path: str, labels: NDArray[Any], class_names: tuple[str, ...] | None) -> NDArray[Any]:
    """The labels of a file as numbers. Raises ValueError for names that are no classes, or numbers that may be names."""
    try:
        if class_names is not None and labels.dtype.kind in "iu":
            # Numbers have lost the zeros that names such as 007 begin with.
            plain = tuple(str(number) for name in class_names if (number := as_whole(name)) is not None)
            class_names = plain if len(set(plain)) == len(class_names) else class_names
        return numbered_by(labels, class_names)
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None
