"""300 label files made at random, each of which knows its truth: read right, or refused in one line; never a wrong label."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisylab.corruption import from_file

FILES = 300
CLASSES = ("chat", "chien", "zèbre", "âne")
# What makes a file wrong; each must be noticed.
DAMAGES = (
    *("row lost", "row twice", "no label", "minus one", "class too large", "half a label", "word", "column too many"),
    *(
        "quote left open",
        "zero byte",
        "blank line",
        "latin 1",
        "utf-16 without mark",
        "ids from 1",
        "unknown id",
        "other separator",
    ),
)


@dataclass
class Case:
    """One file: what it holds, how it is written, and the labels that are right."""

    path: Path
    true: np.ndarray
    given: np.ndarray
    names: np.ndarray | None
    damage: str | None
    facts: tuple[Any, ...]


def chosen(rng: np.random.Generator, *options: Any) -> Any:
    return options[rng.integers(len(options))]


def case(number: int, folder: Path) -> Case:
    """File `number`: random content, ids, order, format and damage."""
    rng = np.random.default_rng([13, number])
    count, by_name = int(rng.integers(8, 60)), rng.random() < 0.3
    true = np.concatenate([np.arange(4), rng.integers(0, 4, count - 4)])
    given = np.where(rng.random(count) < 0.3, rng.integers(0, 4, count), true)
    given[0] = (true[0] + 1) % 4
    damage = chosen(rng, *DAMAGES) if rng.random() < 0.4 else None
    ids = chosen(rng, None, "index", "", "id", "filename", "image_path")
    if damage in ("ids from 1", "unknown id"):
        ids = chosen(rng, "index", "", "id")
    ending = chosen(rng, ".csv", ".csv", ".csv", ".tsv", ".txt", ".json", ".CSV", ".Json", ".npy", ".TXT")
    if damage in (
        "ids from 1",
        "unknown id",
        "column too many",
        "quote left open",
        "latin 1",
        "utf-16 without mark",
        "other separator",
    ):
        ending = chosen(rng, ".csv", ".CSV")
    if damage == "other separator":
        ids = "index"
    if ending.lower() == ".npy":
        ids, by_name = None, False
        damage = damage if damage in ("row lost", "row twice", "minus one", "class too large") else None
    if ending.lower() == ".json" and damage in ("zero byte", "blank line"):
        damage = "no label"
    by_file = ids in ("filename", "image_path")
    names = np.array([f"{CLASSES[c]}/{n:04d}.png" for n, c in enumerate(true)]) if by_file or rng.random() < 0.3 else None
    order = np.arange(count) if ids is None else rng.permutation(count)
    if ids in ("index", "", "id"):
        keys: list[Any] = [int(row) + (damage == "ids from 1") for row in order]
    elif by_file:
        assert names is not None
        change = chosen(
            rng, str, lambda n: f"./{n}", lambda n: f"data/train/{n}", lambda n: n.replace("/", "\\"), lambda n: n[-8:]
        )
        keys = [change(str(names[row])) for row in order]
    else:
        keys = [None] * count
    labels: list[Any] = [CLASSES[given[row]] if by_name else int(given[row]) for row in order]
    rows = [[key, label] for key, label in zip(keys, labels, strict=True)]
    _damage(rows, damage, rng, by_name=by_name)
    path = folder / f"labels_{number}{ending}"
    if ending == ".npy":
        np.save(path, np.array([row[1] for row in rows]).reshape(chosen(rng, (-1,), (-1, 1))))
    elif ending.lower() == ".json":
        path.write_text(_json(rows, ids, rng), encoding=chosen(rng, "utf-8", "utf-8-sig"))
    else:
        path.write_bytes(_text(rows, ids, ending.lower(), damage, rng, true[order], by_name=by_name))
    return Case(path, true, given, names, damage, (number, ids, ending, damage, by_name))


def _damage(rows: list[list[Any]], damage: str | None, rng: np.random.Generator, *, by_name: bool) -> None:
    at = int(rng.integers(len(rows)))
    key, label = rows[at]
    if damage == "row lost":
        del rows[at]
    elif damage == "row twice":
        rows.insert(int(rng.integers(len(rows))), [key, label])
    elif damage == "unknown id":
        rows[at] = [len(rows) + 7, label]
    wrong = {"no label": chosen(rng, "", "nan", None), "minus one": -1, "class too large": 4, "half a label": 1.5}
    wrong["word"] = "x7" if not by_name else "no such class"
    if damage in wrong:
        rows[at] = [key, wrong[damage]]


def _json(rows: list[list[Any]], ids: str | None, rng: np.random.Generator) -> str:
    if ids is None:
        return json.dumps(chosen(rng, [row[1] for row in rows], [[row[1]] for row in rows]))
    if ids == "":
        return json.dumps({"noisy": {str(key): label for key, label in rows}}) if len(dict(rows)) == len(rows) else _twice(rows)
    if chosen(rng, True, False):
        return json.dumps([{ids: key, "label": label} for key, label in rows])
    return json.dumps({ids: [row[0] for row in rows], "given": [row[1] for row in rows]})


def _twice(rows: list[list[Any]]) -> str:
    return "{" + ", ".join(f"{json.dumps(str(key))}: {json.dumps(label)}" for key, label in rows) + "}"


def _text(
    rows: list[list[Any]],
    ids: str | None,
    ending: str,
    damage: str | None,
    rng: np.random.Generator,
    true: np.ndarray,
    *,
    by_name: bool,
) -> bytes:
    end = chosen(rng, "\n", "\r\n", "\r", "\r\r\n")
    separator = "\t" if ending == ".tsv" else chosen(rng, ",", ",", ";", "\t")
    as_float = not by_name and damage is None and rng.random() < 0.2
    with_true = ids is not None and damage not in ("row lost", "row twice") and rng.random() < 0.3
    table: list[list[Any]] = []
    for at, (key, label) in enumerate(rows):
        value = float(label) if as_float else label
        cells = [value] if ids is None else [key, value]
        cells += [CLASSES[true[at]] if by_name else true[at]] if with_true else []
        table.append(["" if cell is None else f" {cell}" if rng.random() < 0.1 else cell for cell in cells])
    if damage == "column too many":
        table[int(rng.integers(len(table)))].append("1")
    header = chosen(rng, "label", "noisy", "Given_Label", "target")
    is_headed = ids is not None or ending != ".txt" or rng.random() < 0.5
    if is_headed and not (ending == ".txt" and ids in ("filename", "image_path") and not by_name and not with_true):
        table.insert(0, [header] if ids is None else [ids, header, *(["true"] if with_true else [])])
    elif ids is not None:
        # As Clothing1M's lists: the path, a space, and the label.
        separator = " " if damage != "quote left open" else separator
    text = io.StringIO()
    quoting = chosen(rng, csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL) if separator != " " else csv.QUOTE_NONE
    if separator == " ":
        text.write("".join(f"{row[0]} {row[1]}{end}" for row in table))
    else:
        csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(table)
    whole = text.getvalue()
    if damage is None:
        whole += chosen(rng, "", "", end, end * 3, "\x1a", f"{end}\x1a")
        whole = whole.rstrip(end) if rng.random() < 0.2 else whole
    lines = whole.split(end)
    middle = max(2, len(lines) // 2)
    if damage == "blank line":
        lines.insert(middle, "")
    elif damage == "quote left open":
        lines[middle] = separator.join(['"' + lines[middle].replace('"', ""), ""])
    elif damage == "zero byte":
        lines[middle] += "\0"
    elif damage == "other separator":
        lines[middle] = lines[middle].replace(separator, ":")
    whole = end.join(lines)
    if damage == "latin 1":
        return (whole + f"{rows[-1][0]}{separator}é{end}").encode("latin-1")
    if damage == "utf-16 without mark":
        return whole.encode("utf-16-le")
    return whole.encode(chosen(rng, "utf-8", "utf-8", "utf-8-sig", "utf-16"))


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_gives_every_sample_its_label_or_is_refused_in_one_line(tmp_path: Path, tenth: int) -> None:
    for number in range(tenth, FILES, 10):
        made = case(number, tmp_path)
        rate = float((made.given != made.true).mean())
        refused = ""
        try:
            noisy = from_file(made.true, made.path, 4, rate=rate, sample_names=made.names, class_names=CLASSES)
        except ValueError as error:
            refused = str(error)
        else:
            np.testing.assert_array_equal(noisy.given, made.given, str(made.facts))
        assert bool(refused) == (made.damage is not None), (made.facts, refused)
        if refused:
            assert str(made.path) in refused, (made.facts, refused)
            assert "\n" not in refused, made.facts


def test_the_files_are_of_every_kind(tmp_path: Path) -> None:
    facts = [case(number, tmp_path).facts for number in range(FILES)]
    assert {fact[3] for fact in facts} == {None, *DAMAGES}
    assert {fact[1] for fact in facts} == {None, "index", "", "id", "filename", "image_path"}
    assert len({fact[2] for fact in facts}) == 8
    assert 150 < sum(fact[3] is None for fact in facts) < 220
