"""Labels that somebody else's code wrote: DivideMix's json, `.npy`, `.csv`."""

import csv
import json
import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.checks import Count, Fraction
from noisylab.corruption.compose import from_pair
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_labels, check_positions, check_rate
from noisylab.registries import NOISE

# Headings of given labels; a PLAIN one may be that of the true labels, where one of the others is there.
GIVEN = ("given", "given_label", "noisy", "noisy_label", "noisy_target")
PLAIN = ("label", "target")
TRUE = ("true", "true_label", "clean")


def read_labels(path: str | PathLike[str], column: str | None = None) -> NDArray[np.int64]:
    """The labels int64[N] in a `.json` (a list, as DivideMix writes it), `.npy` or `.csv` file.

    A `.csv` has one label a line: in its only column, in the one headed `column`, or in the one headed given, given_label,
    noisy, noisy_label or noisy_target, else label or target. Raises ValueError naming the file for anything else, where several
    columns could be meant, and for labels that are not whole numbers.
    """
    file = Path(path)
    if column is not None and file.suffix != ".csv":
        raise ValueError(f"column is for .csv files, got {column!r} for {str(path)!r}")
    readers: dict[str, Callable[[Path], ArrayLike]] = {
        ".json": _from_json,
        ".npy": _from_npy,
        ".csv": lambda csv_file: _from_csv(csv_file, column),
    }
    if file.suffix not in readers:
        raise ValueError(f"{str(path)!r} must end in {', '.join(readers)}")
    try:
        return check_labels(readers[file.suffix](file))[0]
    except FileNotFoundError:
        raise ValueError(f"no file {str(path)!r}") from None
    # A damaged file fails in whatever part of json, csv or NumPy meets the damage first.
    except Exception as error:
        raise ValueError(f"{str(path)!r} is not a list of labels: {error}") from error


def _from_json(path: Path) -> ArrayLike:
    held = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(held, list):
        raise ValueError(f"it must hold a list, got {type(held).__name__}")
    wrong = next((value for value in held if not isinstance(value, int) or isinstance(value, bool)), None)
    if wrong is not None:
        raise ValueError(f"labels must be integers, got {wrong!r}")
    return np.array(held)


def _from_npy(path: Path) -> ArrayLike:
    return np.asarray(np.load(path, allow_pickle=False))


def _from_csv(path: Path, chosen: str | None = None) -> ArrayLike:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    column = 0
    if rows and not all(cell.strip().lstrip("-").replace(".", "", 1).isdigit() for cell in rows[0]):
        column = _given_column([cell.strip().lower() for cell in rows.pop(0)], chosen)
    elif chosen is not None:
        raise ValueError(f"it has no header, so no column {chosen!r}")
    elif rows and len(rows[0]) > 1:
        raise ValueError(f"it has {len(rows[0])} columns and no header to say which holds the labels")
    return np.array([int(row[column]) for row in rows])


def _given_column(header: list[str], chosen: str | None) -> int:
    """Which column of a `.csv` holds the given labels."""
    if chosen is not None:
        if chosen.lower() not in header:
            raise ValueError(f"its header must name the column {chosen!r}, got {', '.join(header)}")
        return header.index(chosen.lower())
    if len(header) == 1:
        return 0
    found = [name for name in header if name in GIVEN] or [name for name in header if name in PLAIN]
    if len(found) != 1:
        problem = f"{len(found)} columns could hold the given labels" if found else "no column is headed as given labels are"
        raise ValueError(f"{problem} ({', '.join((*GIVEN, *PLAIN))}), got {', '.join(header)}; say which by column=")
    return header.index(found[0])


def _true_column(path: Path) -> NDArray[np.int64] | None:
    """The true labels that a `.csv` states beside the given ones, in a column headed `true`, `true_label` or `clean`."""
    if path.suffix != ".csv":
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    header = [cell.strip().lower() for cell in rows[0]]
    column = next((header.index(name) for name in TRUE if name in header), None)
    return None if column is None else np.array([int(row[column]) for row in rows[1:]])


@NOISE.register("file", main="path")
def from_file(
    labels: ArrayLike,
    path: str,
    num_classes: Count | None = None,
    *,
    column: str | None = None,
    rate: Fraction | None = None,
    positions: ArrayLike | None = None,
) -> NoisyLabels:
    """The given labels in a file: DivideMix's json, `.npy` or `.csv`.

    labels: int[N] true labels in the file's order; column: of a `.csv` (see `read_labels`); positions: int[N], which lines of
    the file these samples are (None: all); rate: what the file is said to have, within .01. Without it, a file that agrees with
    the true labels no more than a shuffled one is refused. Raises ValueError for that, for a `.csv` whose own column of true
    labels has others, and for a file that is malformed, of another length, with other classes, or of another rate. Warns of one
    that agrees with all true labels.
    """
    clean, classes = check_labels(labels, num_classes)
    given = read_labels(path, column)
    try:
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
    stated = _true_column(Path(path))
    if stated is not None and not np.array_equal(stated[place], clean):
        wrong = int(np.flatnonzero(stated[place] != clean)[0])
        raise ValueError(f"{path!r} states true label {stated[place][wrong]} for sample {wrong}, which has {clean[wrong]}")
    noisy = from_pair(clean, given, classes, kind="file", path=path)
    chance = 1 - float(np.bincount(clean, minlength=classes) @ np.bincount(given, minlength=classes)) / len(clean) ** 2
    if rate is None and classes > 1 and noisy.rate > 0.95 * chance:
        raise ValueError(
            f"{path!r} has rate {noisy.rate:.4f}, as labels in another order would; give rate= to say that it is meant"
        )
    if not noisy.flipped.any():
        warnings.warn(f"{path!r} gives every sample its true label: is it the right column, or file?", stacklevel=2)
    if rate is not None and abs(noisy.rate - check_rate(rate)) > 0.01:
        raise ValueError(f"{path!r} must have rate {rate:g}, got {noisy.rate:.4f}; is it in the order of these labels?")
    return noisy
