"""Files of labels as tables: text with any usual line end and separator, and json; each row knows its place in the file."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What programs write for a value that is missing.
MISSING = {"", "nan", "<na>", "na", "n/a", "#n/a", "null", "none", "nat"}

# A whole number, also as pandas writes one beside missing values (3.0), or as NumPy's savetxt does.
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?|[+-]?\d\.\d{18}e[+-]\d\d")
# Numbers with separators, quotes, percent signs or exponents.
_LIKE_A_NUMBER = re.compile(r"[+-]?['\"]?[.,]?\d[\d\s.,'\u2019_]*(e[+-]?\d+)?\s*%?['\"]?|[+-]?inf(inity)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"([+-]?\d+),0{1,2}")
_FILE_NAME = re.compile(r"[^/\\]*[/\\].*|.*[^\s.]\.[A-Za-z][A-Za-z0-9]{1,4}")


# How files begin that are no text, whatever they are called.
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet (.xlsx, .ods) or a zip archive; save the table as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of old Excel (.xls); save the table as CSV in UTF-8",
    b"\x1f\x8b": "compressed with gzip; unpack it",
    b"\x93NUMPY": "an array of NumPy; call it .npy",
}


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        header: The names of the columns; None if the file has none.
        rows: The values of each row.
        places: The number of each row: its line, or its entry counted from 0.
        unit: What is counted: "line" or "entry".
        is_text: Whether values are text that may stand for numbers.
    """

    header: list[str] | None
    rows: list[list[Any]]
    places: Sequence[int]
    unit: str
    is_text: bool

    def place(self, row: int) -> str:
        """Where a row stands, as messages say it: `line 5`."""
        return f"{self.unit} {self.places[row]}"

    def cells(self, column: int) -> list[Any]:
        """The values of a column."""
        return [row[column] for row in self.rows]


def as_whole(value: Any) -> int | None:
    """The whole number that a value or a text is, or None."""
    if isinstance(value, str):
        text = value.strip()
        if not _WHOLE.fullmatch(text):
            return None
        return int(text.split(".")[0]) if "e" not in text else as_whole(float(text))
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def looks_like_a_number(text: str) -> bool:
    """Whether a text may be meant as a number, in whatever notation."""
    return _LIKE_A_NUMBER.fullmatch(text.strip()) is not None


def looks_like_a_file(value: Any) -> bool:
    """Whether a value has folders or an ending, as file names have."""
    return isinstance(value, str) and _FILE_NAME.fullmatch(value.strip()) is not None and not looks_like_a_number(value)


def without_comma(text: Any) -> str:
    """The whole number that a text such as `12,0` writes with a decimal comma; empty for any other value."""
    found = _DECIMAL_COMMA.fullmatch(text.strip()) if isinstance(text, str) else None
    return found.group(1) if found else ""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark. A closing Ctrl-Z is left out."""
    content = path.read_bytes()
    for beginning, said in _NO_TEXT.items():
        if content.startswith(beginning):
            raise ValueError(f"it is {said}")
    marks = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    # In UTF-16, every other byte of a Western text is zero.
    part = content[:1000]
    if not part.startswith(tuple(marks)) and max(part[0::2].count(0), part[1::2].count(0)) > max(1, len(part) / 5):
        raise ValueError("it looks like UTF-16 without its byte order mark; save it as UTF-8")
    encoding = next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise ValueError(f"it begins like {encoding.upper()} and is not: {error.reason}") from None
        line = _line(content[: error.start].decode(encoding))
        raise ValueError(f"it is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}; save it as UTF-8") from None
    # Old programs of Windows end a text with it.
    text = re.sub(r"\x1a[\x1a\r\n]*$", "", text)
    if "\0" in text:
        raise ValueError(f"it is not UTF-8 text: a zero byte in line {_line(text[: text.index(chr(0))])}; save it as UTF-8")
    return text


def _line(before: str) -> int:
    return before.count("\n") + 1 if "\n" in before else before.count("\r") + 1


def text_table(path: Path, known: Sequence[str]) -> Table:
    """The table in a `.csv`, `.tsv` or `.txt` file. known: headers in lower case that cannot be labels.

    Raises ValueError if it is unclear what separates columns, whether the first line is a header, or if rows differ in length.
    """
    text = read_text(path)
    if text.count("\n") == text.count("\r\r\n"):
        # Written as text with \r\n by a program that makes \r\n of every \n.
        text = text.replace("\r\r\n", "\n")
    stated = re.match(r"sep=(.)[\r\n]+", text, re.IGNORECASE)
    # A spreadsheet's first line that names the separator; its line keeps its number.
    text = text if stated is None else "\n" + text[stated.end() :]
    rows, lines, separator = _split(text, stated.group(1) if stated else None)
    if separator is None and path.suffix.lower() == ".txt" and (pairs := _names_and_labels(rows, lines)):
        return Table(["file", "label"], pairs, lines, "line", True)
    return _with_header(Table(None, rows, lines, "line", True), known, one_is_plain=path.suffix.lower() == ".txt")


def _split(text: str, stated: str | None) -> tuple[list[list[str]], list[int], str | None]:
    """Rows, the line of each, and the separator, if there is any."""
    first = re.sub(r'"[^"]*"', "", next((line for line in re.split(r"[\r\n]", text) if line.strip()), ""))
    signs = [stated] if stated else [sign for sign in ",;\t" if sign in first]
    found = {sign: _parsed(text, sign) for sign in signs or [","]}
    if len(found) > 1:
        found = {sign: parsed for sign, parsed in found.items() if len({len(row) for row in parsed[0]}) == 1}
    if len(found) != 1:
        raise ValueError(f"its columns may be separated by {' or '.join(map(repr, signs))}: use only one of them, best ','")
    (sign, (rows, lines)) = next(iter(found.items()))
    return rows, lines, sign if signs else None


def _parsed(text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            rows.append([cell.strip() for cell in row])
            lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} cannot be read: {error}") from None
    # Blank lines at both ends, also as spreadsheets write them: separators alone.
    while rows and not any(rows[-1]) and (len(rows[-1]) != 1 or not text.rstrip().endswith('""')):
        rows, lines = rows[:-1], lines[:-1]
    start = next((at for at, row in enumerate(rows) if row), 0)
    return rows[start:], lines[start:]


def _names_and_labels(rows: list[list[str]], lines: list[int]) -> list[list[str]]:
    """The rows `images/1.jpg 3` of a text file as two columns; none if no row is of this kind."""
    split = [row[0].rsplit(None, 1) if row else [] for row in rows]
    is_pair = [len(pair) == 2 and looks_like_a_file(pair[0]) and as_whole(pair[1]) is not None for pair in split]
    pairs = [pair if fits else None for pair, fits in zip(split, is_pair, strict=True)]
    if not any(pairs):
        return []
    for row, line, pair in zip(rows, lines, pairs, strict=True):
        if pair is None:
            raise ValueError(f"every line must hold a file name and a number, got {', '.join(row)!r} in line {line}")
    return [pair for pair in pairs if pair is not None]


def _with_header(table: Table, known: Sequence[str], *, one_is_plain: bool) -> Table:
    """The table with its first row as header, unless that is labels."""
    rows = table.rows
    if not rows:
        raise ValueError("it is empty")
    first = rows[0]
    for row in range(len(rows)):
        if len(rows[row]) != len(first):
            if not rows[row]:
                raise ValueError(f"{table.place(row)} is empty; every sample must have a label")
            comma = without_comma(",".join(map(str, rows[row]))) if len(first) == 1 else ""
            advice = f"; if a decimal comma separates them, write {comma}" if comma else ""
            raise ValueError(f"{table.place(row)} has {len(rows[row])} columns, and {table.place(0)} has {len(first)}{advice}")
    if all(isinstance(cell, str) and _is_number(cell) for cell in first):
        return table
    if len(first) == 2 and all(looks_like_a_file(row[0]) for row in rows):
        return Table(["file", "label"], rows, table.places, table.unit, table.is_text)
    are_names = len(first) == 1 and not all(_is_number(row[0]) for row in rows[1:])
    if are_names and first[0].lower() not in known:
        if not one_is_plain and first not in rows[1:] and not without_comma(first[0]):
            raise ValueError(
                f"its first line {first[0]!r} may be a header or a label; write 'label' above it, or column={first[0]!r}"
            )
        return table
    # Spreadsheets write empty columns behind the last one.
    width = max((at + 1 for at in range(len(first)) if any(row[at] for row in rows)), default=0)
    return Table(first[:width], [row[:width] for row in rows[1:]], table.places[1:], table.unit, table.is_text)


def _is_number(cell: str) -> bool:
    return as_whole(cell) is not None or cell.strip().lstrip("-").replace(".", "", 1).isdigit()


def json_table(path: Path) -> Table:
    """The table in a `.json`: a list of labels, a list of records, a dict id -> label, or a dict of columns."""
    try:
        held = json.loads(read_text(path), object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no json: {error}") from None
    if isinstance(held, dict):
        return _from_dict(held)
    if not isinstance(held, list):
        raise ValueError(f"it must hold a list or a dict, got {type(held).__name__}")
    if not held:
        raise ValueError("it is empty")
    places, kinds = range(len(held)), {type(value) for value in held}
    if kinds == {dict}:
        header = list(held[0])
        for at, record in enumerate(held):
            if record.keys() != held[0].keys():
                raise ValueError(f"its records must have the same keys, got {', '.join(record)} in entry {at}")
        return Table(header, [[record[name] for name in header] for record in held], places, "entry", False)
    if kinds == {list} and {len(value) for value in held} == {2} and all(looks_like_a_file(value[0]) for value in held):
        return Table(["file", "label"], held, places, "entry", False)
    if kinds == {list} and {len(value) for value in held} != {1}:
        raise ValueError(f"it must hold one label for each sample, got {_short(held[0])} in entry 0")
    return Table(None, held if kinds == {list} else [[value] for value in held], places, "entry", False)


def _from_dict(held: dict[str, Any]) -> Table:
    kinds = {type(value) for value in held.values()}
    if not held:
        raise ValueError("it is empty")
    if kinds == {list}:
        lengths = {name: len(values) for name, values in held.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"its columns must be equally long, got {_short(lengths)}")
        rows = [list(row) for row in zip(*held.values(), strict=True)]
        return Table(list(held), rows, range(len(rows)), "entry", False)
    if kinds == {dict}:
        # pandas' to_json: column -> index -> value.
        ids = list(next(iter(held.values())))
        for name, values in held.items():
            if values.keys() != set(ids):
                raise ValueError(f"its columns must have the same ids, and those of {name!r} differ")
        rows = [[each, *(values[each] for values in held.values())] for each in ids]
        return Table(["index", *held], rows, range(len(rows)), "entry", False)
    if kinds & {list, dict}:
        raise ValueError("it must hold one label for each id, or one list for each column")
    return Table(["id", "label"], [[name, value] for name, value in held.items()], range(len(held)), "entry", False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"it holds the key {twice!r} twice")
    return held


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
