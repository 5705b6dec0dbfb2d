"""Labels that other code wrote: DivideMix's json, `.npy`, `.txt`, `.csv`."""

import csv
import json
import re
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.validation import check_labels, number_labels

GIVEN = ("given", "given_label", "noisy", "noisy_label", "noisy_target", "label", "labels", "target")
TRUE = ("true", "true_label", "clean", "clean_label")


def read_labels(path: str | PathLike[str], column: str | None = None) -> NDArray[Any]:
    """The labels in a `.json` (a list, as DivideMix writes it), `.npy`, `.txt` (one per line) or `.csv` file.

    A `.csv` has one label per line: in its only column, in the column named `column`, or else in the only column that may hold
    given labels: `given`, `given_label`, `noisy`, `noisy_label`, `noisy_target`, `label`, `labels`, `target`.

    Args:
        path: The file.
        column: The column of a `.csv`.

    Returns:
        int64[N]; or str[N] if the labels are names, which every noise kind takes.

    Raises:
        ValueError: For any other file, for several such columns, or for labels that are neither whole numbers nor names; names
            the file.

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
        numbers, names = number_labels(readers[file.suffix](file))
        return check_labels(numbers)[0] if names is None else np.array(names)[numbers]
    except FileNotFoundError:
        raise ValueError(f"no file {str(path)!r}") from None
    # A damaged file can fail anywhere in json, csv or NumPy.
    except Exception as error:
        raise ValueError(f"{str(path)!r} is not a list of labels: {error}") from error


def _from_json(path: Path) -> ArrayLike:
    held = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(held, list):
        raise ValueError(f"it must hold a list, got {type(held).__name__}")
    # NumPy would make numbers of truth values, and texts of numbers.
    return np.array(held, dtype=object)


def _from_npy(path: Path) -> ArrayLike:
    return np.asarray(np.load(path, allow_pickle=False))


def _from_csv(path: Path, column: str | None) -> ArrayLike:
    header, rows = _table(path, column)
    if header is not None:
        return _cells(rows, _given_column(header, rows, column))
    if column is not None:
        raise ValueError(f"it has no header, so no column {column!r}")
    if rows and len(rows[0]) > 1:
        raise ValueError(f"it has {len(rows[0])} columns and no header to say which holds the labels")
    return _cells(rows, 0)


def _table(path: Path, column: str | None = None) -> tuple[list[str] | None, list[list[str]]]:
    """The header in lower case (None if the first line is labels), and the other lines."""
    # Spreadsheets start files with a byte order mark.
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    other = next((sign for sign in ";\t" if rows and len(rows[0]) == 1 and sign in rows[0][0]), None)
    if other is not None:
        raise ValueError(f"its columns are separated by {other!r}, and must be by ','")
    if not rows or all(_is_number(cell) for cell in rows[0]):
        return None, rows
    header = [cell.strip().lower() for cell in rows[0]]
    are_names = len(header) == 1 and not all(_is_number(row[0]) for row in rows[1:])
    if are_names and header[0] not in (*GIVEN, *TRUE, (column or "").strip().lower()):
        if path.suffix == ".csv" and rows[0] not in rows[1:]:
            first = rows[0][0]
            raise ValueError(
                f"its first line {first!r} may be a header or a label; write 'label' above it, or column={first!r}"
            )
        return None, rows
    return header, rows[1:]


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


def _cells(rows: list[list[str]], column: int) -> NDArray[Any]:
    """A column as whole numbers, or as names."""
    cells = [row[column].strip() if len(row) > column else None for row in rows]
    whole = [cell is not None and cell.lstrip("-").isdecimal() for cell in cells]
    for number, cell in enumerate(cells):
        if not cell or any(whole) > whole[number] or (not whole[number] and _is_real(cell)):
            got = f"{len(rows[number])} columns" if cell is None else repr(cell)
            raise ValueError(f"labels must be all integers or all names, got {got} for label {number}")
    return np.array(cells) if not any(whole) else np.array(cells, dtype=object).astype(np.int64)


def _is_real(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_true_column(path: Path, column: str | None = None) -> NDArray[Any] | None:
    """The true labels in a `.csv`, from a column with a name in `TRUE`; or None. column: that of the given labels."""
    if path.suffix != ".csv":
        return None
    header, rows = _table(path, column)
    place = next((at for at, name in enumerate(header or []) if name in TRUE), None)
    try:
        return None if place is None else _cells(rows, place)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}, its column of true labels: {error}") from None
