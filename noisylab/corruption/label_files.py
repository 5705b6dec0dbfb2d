"""Labels that other code wrote: json, `.npy`, `.txt`, `.csv`, `.tsv`; joined with the samples that they are of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from noisylab.core.files import expanded
from noisylab.corruption.class_numbers import number_labels
from noisylab.corruption.label_tables import (
    MISSING,
    Table,
    as_whole,
    json_table,
    looks_like_a_file,
    looks_like_a_number,
    text_table,
    without_comma,
)
from noisylab.corruption.sample_ids import refuse_repeated, rows_by_name, rows_by_position
from noisylab.corruption.validation import check_labels, check_positions

GIVEN = ("given", "given_label", "noisy", "noisy_label", "noisy_target", "label", "labels", "target")
TRUE = ("true", "true_label", "clean", "clean_label")
# Columns that say which sample a row is, by their names in lower case; pandas writes its index without a name.
INDEX = ("", "unnamed: 0", "index", "idx", "position", "row")
IDS = (
    *INDEX,
    *("id", "ids", "sample", "sample_id", "sampleid", "image_id", "img_id", "imageid", "number", "key", "uid", "guid", "uuid"),
    *("#", "file_id", "example_id", "data_id"),
)
FILES = (
    *("file", "files", "filename", "filenames", "file_name", "file name", "filepath", "file_path", "path", "paths", "image"),
    *("images", "image_name", "image_path", "image_file", "img", "img_name", "img_path", "imagename", "fname", "url"),
)
ENDINGS = (".json", ".npy", ".csv", ".tsv", ".txt")
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
BY_POSITION = "position"


def read_labels(
    path: str | PathLike[str],
    column: str | None = None,
    by: str | None = None,
    *,
    sample_names: Sequence[str] | NDArray[np.str_] | None = None,
) -> NDArray[Any]:
    r"""The labels in a file, in the order of the samples.

    A `.json` holds a list of labels, as DivideMix writes it, a dict id -> label, a list of records or a dict of columns. A
    `.npy` holds one label for each sample, a `.txt` one on each line or a file name and a number. A `.csv` or `.tsv` has one
    row for each sample: the label is in its only column, in the column named `column`, or else in the only column that may
    hold given labels: `given`, `given_label`, `noisy`, `noisy_label`, `noisy_target`, `label`, `labels`, `target`.

    A column that says which sample a row is (`index`, `id`, `filename`, ...) is not ignored: rows are joined with the samples
    by it if that is safe, and else `by` is asked for.

    Args:
        path: The file.
        column: The column of the labels.
        by: The column of positions (0 to N - 1) or of file names that says which sample a row is; "position": rows are in the
            order of the samples, whatever their ids.
        sample_names: str[N], the file of each sample, for a column of file names.

    Returns:
        int64[N]; or str[N] if the labels are names, which every noise kind takes.

    Raises:
        ValueError: For any other file, for several such columns, for labels that are neither whole numbers nor names, or if it
            is unclear which sample a row is; names the file and the line.

    Example:
        >>> from pathlib import Path
        >>> from noisylab.corruption import read_labels
        >>> _ = Path("labels.csv").write_text("index,label\n1,0\n0,2\n")
        >>> read_labels("labels.csv")
        array([2, 0])
    """
    file = open_labels(path, column)
    count = len(file.labels) if sample_names is None else len(sample_names)
    rows, _ = file.rows_of(np.arange(count), sample_names, by)
    labels = file.labels[rows]
    return file.checked(labels, rows)


def own_order(
    path: str | PathLike[str], column: str | None = None, by: str | None = None
) -> tuple[NDArray[Any], dict[str, list[Any]], str | None]:
    """The labels in a file that is itself the data: labels, the columns of ids, and the column that samples are ordered by.

    Samples are in the order of the rows, unless the only ids are numbers from 0 in another order. Raises ValueError for ids
    that are repeated.
    """
    file = open_labels(path, column)
    ids = file.ids if by is None else {} if by == BY_POSITION else dict([file.column(by)])
    ids = {name or "index": values for name, values in ids.items()}
    for name, values in ids.items():
        try:
            refuse_repeated(values, values, file.table.place)
        except ValueError as error:
            way = f"or by={BY_POSITION!r} if that column does not say which sample a row is"
            raise ValueError(f"{str(path)!r}: its column {name!r} {error}, {way}") from None
    rows, ordered_by = np.arange(len(file.labels)), None
    numbers = [as_whole(value) for value in next(iter(ids.values()))] if len(ids) == 1 else [None]
    if None not in numbers and sorted(numbers) == rows.tolist() != numbers:  # type: ignore[type-var]
        rows, ordered_by = np.argsort(np.array(numbers)), next(iter(ids))
    return file.checked(file.labels[rows], rows), {name: [v[row] for row in rows] for name, v in ids.items()}, ordered_by


@dataclass(frozen=True)
class LabelFile:
    """The labels in a file, row by row.

    Attributes:
        path: The file.
        labels: int64[R] or str[R].
        true: The same for the true labels, if the file has them.
        ids: The columns that may say which sample a row is.
        table: The rows.
    """

    path: str
    labels: NDArray[Any]
    true: NDArray[Any] | None
    ids: dict[str, list[Any]]
    table: Table

    def rows_of(
        self, positions: NDArray[np.int64], names: Sequence[str] | NDArray[np.str_] | None, by: str | None
    ) -> tuple[NDArray[np.int64], str | None]:
        """The row of each sample, and the column that says it (None: rows are in the order of the samples).

        positions: int[N] in the data set. names: str[N], their files, if known. by: as in `read_labels`.
        """
        if by is not None and by != BY_POSITION:
            name, ids = self.column(by)
            return self._joined(name, ids, positions, names, asked=True), name
        candidates = {} if by == BY_POSITION else self.ids
        numbers_are_names = names is not None and any(as_whole(_stem(name)) is not None for name in names)
        # pandas' index counts the rows of any table, so names say more, and one that is in order says nothing.
        named = {name: ids for name, ids in candidates.items() if _are_names(ids) or (numbers_are_names and _is(name, FILES))}
        telling = named or {
            name: ids
            for name, ids in candidates.items()
            if not _counts_rows(ids) or (numbers_are_names and not _is(name, INDEX))
        }
        if len(telling) > 1:
            choice = ", ".join(f"by={each!r}" for each in (*telling, BY_POSITION))
            raise self._refused(f"several of its columns may say which sample a row is; choose one: {choice}")
        for name, ids in telling.items():
            return self._joined(name, ids, positions, names, asked=False), name
        return self._in_order(positions), None

    def checked(self, labels: NDArray[Any], rows: NDArray[np.int64], num_classes: int | None = None) -> NDArray[Any]:
        """Labels of these rows, if they are names or classes; the message of an error says where they stand."""
        if labels.dtype.kind == "U":
            return labels
        try:
            return check_labels(labels, num_classes, place=lambda at: self.table.place(int(rows[at])))[0]
        except ValueError as error:
            raise self._refused(str(error)) from None

    def _refused(self, said: str) -> ValueError:
        return ValueError(f"{self.path!r}: {said}")

    def column(self, by: str) -> tuple[str, list[Any]]:
        """The name and the values of the column `by`. Raises ValueError if there is none."""
        header = self.table.header or []
        at = [place for place, name in enumerate(header) if name.lower() == by.strip().lower()]
        if len(at) != 1:
            held = ", ".join(map(repr, header)) or "no header"
            raise self._refused(f"by must be 'position' or one of its columns, got {by!r}; it has {held}")
        return header[at[0]], self.table.cells(at[0])

    def _joined(
        self,
        name: str,
        ids: list[Any],
        positions: NDArray[np.int64],
        names: Sequence[str] | NDArray[np.str_] | None,
        *,
        asked: bool,
    ) -> NDArray[np.int64]:
        tried: list[NDArray[np.int64]] = []
        errors: list[ValueError] = []
        # A number may be a position, or the name of a file such as 17.png.
        if not _are_names(ids) and not (names is not None and _is(name, FILES)):
            try:
                tried.append(rows_by_position(ids, positions, self.table.place, asked=asked))
            except ValueError as error:
                errors.append(error)
        if names is not None and not _is(name, INDEX):
            count = int(positions.max(initial=-1)) + 1
            try:
                tried.append(rows_by_name(ids, list(names), self.table.place, asked=asked, count=count))
            except ValueError as error:
                errors.append(error)
        if tried and all(np.array_equal(rows, tried[0]) for rows in tried):
            return tried[0]
        if tried:
            said = "may hold positions or names of files; call it 'index' or 'filename'"
        elif errors:
            said = str(errors[0])
        else:
            said = (
                f"says which sample a row is ({ids[0]!r} in {self.table.place(0)}), and the names of the samples are not known"
            )
            said += ": pass sample_names=, in the order of the samples"
        way = ""
        # Rows of other samples are left out if the column was asked for, and are too many for an order.
        if not asked and errors and self._joins_if_asked(name, ids, positions, names):
            way = f"; by={name!r} takes the rows of the samples by this column, and leaves out the others"
        if len(self.labels) == len(positions) or not np.array_equal(positions, np.arange(len(positions))):
            way += f"; or by={BY_POSITION!r} if its rows are in the order of the samples"
        if not asked and len(self.ids) > 1:
            way = f"; or by= another column ({', '.join(repr(each) for each in self.ids if each != name)}){way}"
        raise self._refused(f"its column {name!r} {said}{way}")

    def _joins_if_asked(
        self, name: str, ids: list[Any], positions: NDArray[np.int64], names: Sequence[str] | NDArray[np.str_] | None
    ) -> bool:
        try:
            self._joined(name, ids, positions, names, asked=True)
        except ValueError:
            return False
        return True

    def _in_order(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        count, samples = len(self.labels), len(positions)
        if count != samples and np.array_equal(positions, np.arange(samples)):
            raise self._refused(f"it must have one label for each of the {samples} samples, got {count}")
        try:
            return check_positions(positions, count)
        except ValueError as error:
            raise self._refused(str(error)) from None


def open_labels(path: str | PathLike[str], column: str | None = None) -> LabelFile:
    """The labels in a file, row by row. column: as in `read_labels`. Raises ValueError, naming the file."""
    file = expanded(path)
    if file.suffix.lower() not in ENDINGS:
        spreadsheet = file.suffix.lower() in _SPREADSHEETS
        advice = "; it is a spreadsheet: save its table as CSV in UTF-8" if spreadsheet else ""
        raise ValueError(f"{str(path)!r} must end in {', '.join(ENDINGS)}{advice}")
    try:
        table = _table(file, column)
        at, true_at = _given_column(table, column), _true_column(table)
        labels = _labels(table, at)
        others = {} if table.header is None else {place: name for place, name in enumerate(table.header) if place != at}
    except FileNotFoundError:
        raise ValueError(f"no file {str(path)!r}") from None
    # A damaged file can fail anywhere in json, csv or NumPy.
    except Exception as error:
        raise ValueError(f"{str(path)!r} is not a list of labels: {error}") from error
    try:
        true = None if true_at is None or true_at == at else _labels(table, true_at)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}, its column of true labels: {error}") from None
    columns = {name: table.cells(place) for place, name in others.items() if place != true_at}
    ids = {name: cells for name, cells in columns.items() if _may_be_ids(name, cells)}
    return LabelFile(str(path), labels, true, ids, table)


def _table(file: Path, column: str | None) -> Table:
    ending = file.suffix.lower()
    if ending == ".json":
        table = json_table(file)
    elif ending == ".npy":
        array = np.load(file, allow_pickle=False)
        numbers, names = number_labels(array)
        values = check_labels(numbers)[0] if names is None else np.array(names)[numbers]
        table = Table(None, [[value] for value in values.tolist()], range(len(values)), "position", False)
    else:
        table = text_table(file, (*GIVEN, *TRUE, (column or "").strip().lower()))
    if column is not None and table.header is None:
        raise ValueError(f"it has no header, so no column {column!r}")
    if not table.rows:
        raise ValueError("it has no rows")
    return table


def _given_column(table: Table, column: str | None) -> int:
    """The column of the given labels. Raises ValueError if no column is known to hold them, or several may."""
    if table.header is None:
        if len(table.rows[0]) > 1:
            raise ValueError(f"it has {len(table.rows[0])} columns and no header to say which holds the labels")
        return 0
    header = [name.strip().lower() for name in table.header]
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
        and all(as_whole(value) is not None for value in table.cells(at))
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


def _true_column(table: Table) -> int | None:
    return next((at for at, name in enumerate(table.header or []) if name.strip().lower() in TRUE), None)


def _labels(table: Table, column: int) -> NDArray[Any]:
    """A column as whole numbers, or as names."""
    cells = table.cells(column)
    if all(isinstance(cell, bool) for cell in cells):
        return np.array([str(cell) for cell in cells])
    # In json, a text is a name even if it has digits only.
    whole = [None if isinstance(cell, str) and not table.is_text else as_whole(cell) for cell in cells]
    some = any(number is not None for number in whole)
    for row, (cell, number) in enumerate(zip(cells, whole, strict=True)):
        is_name = isinstance(cell, str) and cell.strip().lower() not in MISSING and not looks_like_a_number(cell)
        if number is None and (some or not (is_name or (isinstance(cell, str) and as_whole(cell) is not None))):
            refuse_label(cell, table.place(row))
    try:
        return np.array(whole, dtype=object).astype(np.int64) if some else np.array(cells)
    except OverflowError:
        raise ValueError(f"labels must be below 2^63, got {max(number for number in whole if number is not None)}") from None


def refuse_label(got: Any, place: str) -> NoReturn:
    """Raise ValueError for a value that is neither a whole number nor a name as those beside it are."""
    if got is None or str(got).strip().lower() in MISSING:
        raise ValueError(
            f"there is no label in {place}, got {got!r}; give this sample a label, or leave it out of the data too"
        )
    whole = without_comma(got)
    advice = f", which has a decimal comma; write {whole}" if whole else ""
    raise ValueError(f"labels must be all integers or all names, got {got!r} in {place}{advice}")


def _may_be_ids(name: str, ids: list[Any]) -> bool:
    """Whether a column may say which sample a row is: by its name, or because no two values agree and it is no label."""
    if _is(name, (*IDS, *FILES)):
        return True
    if re.search("given|noisy|true|clean|label|target|class", name.lower()):
        return False
    if all(map(looks_like_a_file, ids)):
        return len(set(ids)) == len(ids)
    whole = [as_whole(value) for value in ids]
    return None not in whole and len(ids) > 2 and sorted(whole) == list(range(len(ids)))  # type: ignore[type-var]


def _is(name: str, names: Sequence[str]) -> bool:
    return name.strip().lower() in names


def _are_names(ids: list[Any]) -> bool:
    return any(as_whole(value) is None for value in ids)


def _counts_rows(ids: list[Any]) -> bool:
    return all(as_whole(value) == row for row, value in enumerate(ids))


def _stem(name: str) -> str:
    return Path(str(name)).stem
