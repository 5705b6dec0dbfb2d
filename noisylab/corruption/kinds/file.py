"""Labels from a file."""

import warnings
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import PathText, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes, rate_in_text_order
from noisylab.corruption.label_files import read_labels, read_true_column
from noisylab.corruption.record import NoisyLabels, from_pair
from noisylab.corruption.validation import check_labels, check_positions, check_true_labels, numbered_by


@NOISES.register("file", main="path")
@named_classes
def from_file(
    labels: ArrayLike,
    path: PathText | PathLike[str],
    num_classes: PositiveInt | None = None,
    *,
    column: str | None = None,
    rate: UnitInterval | None = None,
    positions: ArrayLike | None = None,
    class_names: tuple[str, ...] | None = None,
) -> NoisyLabels:
    """The given labels in a file: DivideMix's json, `.npy` or `.csv`. Of T, only the realised n_ij / n_i is known.

    Args:
        labels: int[N] true labels in the file's order.
        path: The file.
        num_classes: The number of classes; by default, that of the labels.
        column: The column of a `.csv`, if several may hold the given labels (see `read_labels`).
        rate: The expected rate of the file, within .01. Without it, a file that agrees with the true labels no more than a
            shuffled one is refused.
        positions: int[N], which lines of the file these samples are; by default all.
        class_names: In the order of the classes, if the file holds names.

    Returns:
        The record. Warns if no label is wrong, unless `rate` is 0.

    Raises:
        ValueError: If the file is malformed, has another length, other classes or another rate, or looks shuffled, or if the
            column of true labels in a `.csv` differs.

    Example:
        >>> from pathlib import Path
        >>> from noisylab.corruption import from_file
        >>> _ = Path("given.json").write_text("[0, 1, 1, 1]")
        >>> from_file([0, 1, 0, 1], "given.json").rate
        0.25
    """
    path = str(path)
    clean, classes = check_true_labels(labels, num_classes)
    given = read_labels(path, column)
    stated = read_true_column(Path(path).expanduser(), column)
    try:
        given = numbered_by(given, class_names)
        stated = None if stated is None else numbered_by(stated, class_names)
        place = np.arange(len(given)) if positions is None else check_positions(positions, len(given))
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None
    given = given[place]
    if len(given) != len(clean):
        raise ValueError(f"{path!r} must have one label for each of the {len(clean)} samples, got {len(given)}")
    try:
        check_labels(given, classes)
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None
    if stated is not None and not np.array_equal(stated[place], clean):
        wrong = int(np.flatnonzero(stated[place] != clean)[0])
        raise ValueError(f"{path!r} states true label {stated[place][wrong]} for sample {wrong}, which has {clean[wrong]}")
    chosen = {} if column is None else {"column": column}
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
