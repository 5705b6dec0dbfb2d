"""Labels that other code wrote: DivideMix's json, `.npy`, `.txt`, `.csv`."""

import csv
import json
import re
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.validation import check_labels

GIVEN = ("given", "given_label", "noisy", "noisy_label", "noisy_target", "label", "labels", "target")
TRUE = ("true", "true_label", "clean", "clean_label")


def read_labels(path: str | PathLike[str], column: str | None = None) -> NDArray[np.int64]:
    """The labels in a `.json` (a list, as DivideMix writes it), `.npy`, `.txt` (one per line) or `.csv` file.

    A `.csv` has one label per line: in its only column, in the column named `column`, or else in the only column that may hold
    given labels: `given`, `given_label`, `noisy`, `noisy_label`, `noisy_target`, `label`, `labels`, `target`.

    Args:
        path: The file.
        column: The column of a `.csv`.

    Returns:
        int64[N].

    Raises:
        ValueError: For any other file, for several such columns, or for labels that are not whole numbers; names the file.

    Example:
        >>> from pathlib import Path
        >>> from noisylab.corruption import read_labels
        >>> _ = Path("labels.json").write_text("[2, 0]")
        >>> read_labels("labels.json")
        array([2, 0])
    """
    file = Path(path).expanduser()
    readers: dict[str, Callable[[Path], ArrayLike]] = {
        ".json": _from_json,
        ".npy": _from_npy,
        ".csv": partial(_from_csv, column=column),
        ".txt": partial(_from_csv, column=None),
    }
    if file.suffix not in readers:
        raise ValueError(f"{str(path)!r} must end in {', '.join(readers)}")
    if column is not None and file.suffix != ".csv":
        raise ValueError(f"{str(path)!r} has no columns; column is for .csv")
    try:
        return check_labels(readers[file.suffix](file))[0]
    except FileNotFoundError:
        raise ValueError(f"no file {str(path)!r}") from None
    # A damaged file can fail anywhere in json, csv or NumPy.
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


def _from_csv(path: Path, column: str | None) -> ArrayLike:
    header, rows = _table(path)
    if header is not None:
        return _cells(rows, _given_column(header, rows, column))
    if column is not None:
        raise ValueError(f"it has no header, so no column {column!r}")
    if rows and len(rows[0]) > 1:
        raise ValueError(f"it has {len(rows[0])} columns and no header to say which holds the labels")
    return _cells(rows, 0)


def _table(path: Path) -> tuple[list[str] | None, list[list[str]]]:
    """The header in lower case (None if the first line is numbers), and the other lines."""
    # Spreadsheets start files with a byte order mark.
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    other = next((sign for sign in ";\t" if rows and len(rows[0]) == 1 and sign in rows[0][0]), None)
    if other is not None:
        raise ValueError(f"its columns are separated by {other!r}, and must be by ','")
    if not rows or all(_is_number(cell) for cell in rows[0]):
        return None, rows
    return [cell.strip().lower() for cell in rows[0]], rows[1:]


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("-").replace(".", "", 1).isdigit()


def _given_column(header: list[str], rows: list[list[str]], column: str | None) -> int:
    """The column of the given labels. Raises ValueError if no column is known to hold them, or several may."""
    if column is not None:
        if header.count(column.strip().lower()) != 1:
            raise ValueError(f"it must have one column {column!r}, got {', '.join(header)}")
        return header.index(column.strip().lower())
    if len(header) == 1:
        return 0
    exact = [at for at, name in enumerate(header) if name in GIVEN]
    # `noisy_run2` beside `label` may be the intended column; a column of names is not.
    similar = [
        at
        for at, name in enumerate(header)
        if re.search("given|noisy|label|target", name)
        and name not in (*GIVEN, *TRUE)
        and all(len(row) > at and _is_number(row[at]) for row in rows)
    ]
    if not exact:
        held = f"got {', '.join(header)}; say with column= which holds the given labels"
        raise ValueError(f"its header must name one of {', '.join(GIVEN)}, {held}")
    if len(exact + similar) > 1:
        names = [header[at] for at in sorted(exact + similar)]
        raise ValueError(
            f"its columns {', '.join(names)} may each hold the given labels; choose one, as in column={names[-1]!r}"
        )
    return exact[0]


def _cells(rows: list[list[str]], column: int) -> NDArray[np.int64]:
    """A column as whole numbers."""
    for number, row in enumerate(rows):
        if len(row) <= column or not row[column].strip().lstrip("-").isdecimal():
            got = repr(row[column]) if len(row) > column else f"{len(row)} columns"
            raise ValueError(f"labels must be integers, got {got} for label {number}")
    return np.array([int(row[column]) for row in rows], dtype=np.int64)


def read_true_column(path: Path) -> NDArray[np.int64] | None:
    """The true labels in a `.csv`, from a column with a name in `TRUE`; None if there is none."""
    if path.suffix != ".csv":
        return None
    header, rows = _table(path)
    column = next((at for at, name in enumerate(header or []) if name in TRUE), None)
    try:
        return None if column is None else _cells(rows, column)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}, its column of true labels: {error}") from None
