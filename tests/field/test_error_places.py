"""What is wrong with labels is said with the value, its place and the way out; what only looks unusual is read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers_cli import noisylab

from noisylab.analysis import confusion, nll
from noisylab.corruption import (
    confident_joint,
    empirical_transition,
    from_file,
    from_pair,
    from_transition,
    read_labels,
    symmetric,
)
from noisylab.recording import DynamicsRecorder

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            [0, 1, -1, 1],
            "got -1 at position 2; if -1 means that a sample has no label, leave it out, as in labels[labels >= 0]",
        ),
        ([0, -1, -1, 1], "got -1 at position 1 (2 such labels); if -1"),
        ([0, 1, -7, 1], "labels must not be negative, got -7 at position 2"),
        ([0, 1, None, 1], "got None at position 2; leave out samples without a label"),
        ([0, 1, np.nan, 1], "got NaN at position 2; leave out"),
        ([np.nan, 1, np.nan, 1], "got NaN at position 0 (2 such labels)"),
        (pd.array([0, None, 1], dtype="Int64"), "at position 1; leave out samples without a label"),
        (pd.Series([0, None, 1], dtype="Int64"), "at position 1; leave out samples without a label"),
        (["cat", None, "dog"], "got None at position 1"),
        (pd.Series(["cat", None, "dog"]), "got nan at position 1"),
        (pd.Series(["cat", None, "dog"], dtype="category"), "got nan at position 1"),
        ([0, 1, 2.5, 1], "got float64 values such as 2.5 at position 2"),
        (np.array([0, 1, "x"], object), "got 'x' at position 2"),
        ([[0, 1, 0]], "got an array of shape (1, 3); pass labels[0]"),
        (np.eye(3)[[0, 1, 2, 0]], "they are one-hot, and labels.argmax(axis=1) makes them numbers"),
        (np.full((4, 2), 0.5), "they are probabilities, and labels.argmax(axis=1) takes the likeliest class"),
        ([[0], [1, 2]], "got lists of different lengths"),
        (np.zeros((2, 2, 2), int), "one-dimensional, got an array of shape (2, 2, 2)"),
    ],
)
def test_a_label_that_is_none_is_named_with_its_place(labels: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"labels must") as caught:
        symmetric(labels, 0.4)
    assert said in str(caught.value).replace("such as np.float64(2.5)", "such as 2.5")
    assert "\n" not in str(caught.value)


NUMBERS = np.arange(12) % 3


@pytest.mark.parametrize(
    "labels",
    [
        NUMBERS[:, None],
        [[int(label)] for label in NUMBERS],
        NUMBERS[:, None].astype(object),
        pd.DataFrame({"label": NUMBERS}),
        pd.Series(NUMBERS, dtype="Int64"),
        pd.Series(NUMBERS, dtype="category"),
        pd.Series(NUMBERS.astype(np.uint8)),
        tuple(NUMBERS),
    ],
)
def test_labels_in_a_column_or_of_another_library_are_labels(labels: Any) -> None:
    noisy = symmetric(labels, 0.4)
    assert noisy == symmetric(NUMBERS, 0.4)
    assert from_pair(labels, noisy.given).given.tolist() == noisy.given.tolist()


@pytest.mark.parametrize(
    "names",
    [
        np.array([["cat"], ["dog"]] * 5),
        pd.Series(["cat", "dog"] * 5, dtype="category"),
        pd.Series(["cat", "dog"] * 5, dtype=object),
    ],
)
def test_names_in_a_column_or_of_another_library_are_names(names: Any) -> None:
    noisy = symmetric(names, 0.4)
    assert noisy.class_names == ("cat", "dog")
    assert noisy.true.tolist() == [0, 1] * 5


def test_labels_of_arrow_are_labels_and_names_and_its_gaps_are_named() -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra: hf)")
    for labels in (pd.Series(NUMBERS, dtype="int64[pyarrow]"), pa.array(NUMBERS)):
        assert symmetric(labels, 0.4) == symmetric(NUMBERS, 0.4)
    for names in (pd.Series(["cat", "dog"] * 5, dtype="string[pyarrow]"), pa.array(["cat", "dog"] * 5)):
        assert symmetric(names, 0.4).class_names == ("cat", "dog")
    with pytest.raises(ValueError, match="at position 1"):
        symmetric(pd.Series([0, None, 1], dtype="int64[pyarrow]"), 0.4)


def test_labels_in_a_column_are_taken_wherever_labels_enter(tmp_path: Path) -> None:
    labels, column = np.array([0, 1, 1, 0]), np.array([[0], [1], [1], [0]])
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    calls: list[Callable[[Any], Any]] = [
        lambda y: from_transition(y, np.eye(2)).given,
        lambda y: empirical_transition(y, y),
        lambda y: confident_joint(y, p),
        lambda y: confusion(y, y),
        lambda y: nll(p, y),
    ]
    for call in calls:
        np.testing.assert_array_equal(call(column), call(labels))
    DynamicsRecorder(tmp_path / "run", column, epochs=1, true_labels=column)


def test_names_on_one_side_and_numbers_on_the_other_are_refused() -> None:
    with pytest.raises(ValueError, match="must both be names or both be numbers"):
        from_pair([0, 1, 1], ["cat", "dog", "dog"])


# Files.

READ: dict[str, tuple[str, bytes]] = {
    "an ending in capitals": ("x.CSV", b"label\n2\n0\n1\n"),
    "json in capitals": ("x.JSON", b"[2, 0, 1]"),
    "a text file in capitals": ("x.Txt", b"2\n0\n1\n"),
    "a byte order mark": ("x.csv", b"\xef\xbb\xbflabel\n2\n0\n1\n"),
    "json with a byte order mark": ("x.json", b"\xef\xbb\xbf[2, 0, 1]"),
    "UTF-16 of a spreadsheet": ("x.csv", "index\tlabel\r\n0\t2\r\n1\t0\r\n2\t1\r\n".encode("utf-16")),
    "UTF-16, big-endian": ("x.txt", b"\xfe\xff" + "2\n0\n1\n".encode("utf-16-be")),
    "json in UTF-16": ("x.json", "[2, 0, 1]".encode("utf-16")),
    "a closing Ctrl-Z": ("x.csv", b"label\r\n2\r\n0\r\n1\r\n\x1a"),
    "a Ctrl-Z behind the last label": ("x.txt", b"2\r\n0\r\n1\x1a"),
    "json with a Ctrl-Z": ("x.json", b"[2, 0, 1]\r\n\x1a"),
    "line ends of old Macs": ("x.csv", b"id,label\r0,2\r1,0\r2,1\r"),
    "line ends doubled by Python on Windows": ("x.csv", b"id,label\r\r\n0,2\r\r\n1,0\r\r\n2,1\r\r\n"),
    "no line end at the end": ("x.csv", b"label\n2\n0\n1"),
    "blank lines at the end": ("x.csv", b"label\n2\n0\n1\n\n \n\n"),
    "empty rows of a spreadsheet": ("x.csv", b"id,label,,\n0,2,,\n1,0,,\n2,1,,\n,,,\n"),
    "quoted numbers": ("x.csv", b'"id","label"\n"0","2"\n"1","0"\n"2","1"\n'),
    "spaces": ("x.csv", b" id , label \n 0 , 2 \n1, 0\n2 ,1\n"),
    "whole numbers as floats, as pandas writes them": ("x.csv", b"label\n2.0\n0.0\n1.0\n"),
    "whole numbers as NumPy's savetxt writes them": (
        "x.txt",
        b"2.000000000000000000e+00\n0.000000000000000000e+00\n1.000000000000000000e+00\n",
    ),
    "floats in json": ("x.json", b"[2.0, 0.0, 1.0]"),
    "nested lists": ("x.json", b"[[2], [0], [1]]"),
    "semicolons": ("x.csv", b"id;label\n0;2\n1;0\n2;1\n"),
    "semicolons beside decimal commas": ("x.csv", b"id;label;loss\n0;2;0,5\n1;0;1,5\n2;1;0,1\n"),
    "tabs": ("x.tsv", b"id\tlabel\n0\t2\n1\t0\n2\t1\n"),
    "a spreadsheet's line that names the separator": ("x.csv", b"sep=;\r\nid;label\r\n0;2\r\n1;0\r\n2;1\r\n"),
}


@pytest.mark.parametrize("situation", READ)
def test_what_only_looks_unusual_is_read(tmp_path: Path, situation: str) -> None:
    name, content = READ[situation]
    (tmp_path / name).write_bytes(content)
    assert read_labels(tmp_path / name).tolist() == [2, 0, 1]


def test_arrays_in_a_column_are_read_from_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[2], [0], [1]]))
    (tmp_path / "x.npy").rename(tmp_path / "x.NPY")
    assert read_labels(tmp_path / "x.NPY").tolist() == [2, 0, 1]


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "unlabelled as -1": (
        "x.csv",
        b"label\n2\n-1\n1\n",
        "got -1 at line 3; if -1 means that a sample has no label, leave it out",
    ),
    "-1 in a joined file": ("x.csv", b"id,label\n2,-1\n0,1\n1,0\n", "got -1 at line 2"),
    "-1 in json": ("x.json", b"[2, 0, -1]", "got -1 at entry 2"),
    "a missing label of pandas": ("x.csv", b"id,label\n0,2\n1,\n2,1\n", "there is no label in line 3, got ''"),
    "NA of R": ("x.csv", b'"","label"\n"0","2"\n"1",NA\n"2","1"\n', "there is no label in line 3, got 'NA'"),
    "nan": ("x.txt", b"2\nnan\n1\n", "there is no label in line 2, got 'nan'"),
    "null in json": ("x.json", b"[2, null, 1]", "there is no label in entry 1, got None"),
    "NaN in json": ("x.json", b"[2, NaN, 1]", "there is no label in entry 1, got nan"),
    "a missing name": ("x.csv", b"label\ncat\nNone\ndog\n", "there is no label in line 3, got 'None'"),
    "a blank line": ("x.csv", b"label\n2\n\n1\n", "line 3 is empty; every sample must have a label"),
    "a fraction": ("x.csv", b"label\n2\n0.5\n1\n", "all integers or all names, got '0.5' in line 3"),
    "a thousands separator": ("x.csv", b'label\n2\n"1,000"\n1\n', "all integers or all names, got '1,000' in line 3"),
    "thousands separators only": ("x.csv", b'label\n"1,000"\n"2,000"\n"1,000"\n', "got '1,000' in line 2"),
    "percents": ("x.csv", b"label\n2%\n1%\n0%\n", "got '2%' in line 2"),
    "a row with too many columns": ("x.csv", b"id,label\n0,2\n1,0,7\n2,1\n", "line 3 has 3 columns, and line 1 has 2"),
    "a header that lacks the index": ("x.csv", b"given,true\n0,2,2\n1,0,0\n2,1,1\n", "line 2 has 3 columns, and line 1 has 2"),
    "an open quote": ("x.csv", b'id,label\n0,"2\n1,0\n2,1\n', "cannot be read"),
    "latin 1": ("x.csv", b"label\ncaf\xe9\nbar\nbar\n", "it is not UTF-8 text: byte 0xe9 in line 2; save it as UTF-8"),
    "UTF-16 without a mark": ("x.csv", "label\n2\n0\n1\n".encode("utf-16-le"), "looks like UTF-16 without its byte order"),
    "UTF-16 without a mark, with a letter that is no UTF-8": (
        "x.csv",
        "label\nhäh\nb\n".encode("utf-16-be"),
        "it looks like UTF-16 without its byte order mark; save it as UTF-8",
    ),
    "a zero byte": ("x.csv", b"label\n2\n0\0\n1\n", "a zero byte in line 3; save it as UTF-8"),
    "a decimal comma": ("x.csv", b"id;label\n0;12,0\n1;3,0\n", "got '12,0' in line 2, which has a decimal comma; write 12"),
    "a decimal comma alone": ("x.csv", b"label\n12,0\n3,0\n", "line 2 has 2 columns, and line 1 has 1; if a decimal comma"),
    "a decimal comma in the first line": ("x.csv", b'"12,0"\n"3,0"\n', "got '12,0' in line 1, which has a decimal comma"),
    "a spreadsheet": ("x.xlsx", b"PK\x03\x04", "it is a spreadsheet: save its table as CSV in UTF-8"),
    "a spreadsheet called .csv": ("x.csv", b"PK\x03\x04\xff", "it is a spreadsheet (.xlsx, .ods) or a zip archive; save the"),
    "an old spreadsheet": ("x.tsv", b"\xd0\xcf\x11\xe0\xa1", "it is a spreadsheet of old Excel (.xls); save the table as CSV"),
    "a compressed table": ("x.csv", b"\x1f\x8b\x08", "it is compressed with gzip; unpack it"),
    "an array of another ending": ("x.txt", b"\x93NUMPY\x01", "it is an array of NumPy; call it .npy"),
    "two separators": ("x.csv", b"id,label;x\n0,2;x\n1,0;x\n2,1;x\n", "may be separated by ',' or ';': use only one of them"),
    "one-hot in json": ("x.json", b"[[0, 0, 1], [1, 0, 0], [0, 1, 0]]", "one label for each sample, got [0, 0, 1] in entry 0"),
    "a key twice": ("x.json", b'{"0": 2, "1": 0, "1": 1}', "it holds the key '1' twice"),
    "an empty file": ("x.csv", b"", "it is empty"),
    "a header alone": ("x.csv", b"id,label\n", "it has no rows"),
    "a path without a label": ("x.txt", b"a/1.png 2\na/2.png\na/3.png 1\n", "got 'a/2.png' in line 2"),
    "another ending": ("x.parquet", b"PAR1", "must end in .json, .npy, .csv, .tsv, .txt"),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_what_is_wrong_in_a_file_is_said_with_its_place(tmp_path: Path, situation: str) -> None:
    name, content, said = REFUSED[situation]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read_labels(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arrays_that_hold_no_labels_are_refused_with_the_way_out(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(3))
    with pytest.raises(ValueError, match=r"x\.npy.*labels\.argmax\(axis=1\) makes them numbers"):
        read_labels(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.array([0, -1, 1]))
    with pytest.raises(ValueError, match=r"x\.npy.*got -1 at position 1"):
        read_labels(tmp_path / "x.npy")


def test_a_label_of_no_class_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("index,label\n2,0\n1,5\n0,1\n")
    with pytest.raises(ValueError, match=r"x\.csv': labels must be below num_classes = 2, got 5 at line 3"):
        from_file([0, 1, 0], tmp_path / "x.csv")


def test_endings_in_capitals_are_written(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "x.TXT").write_text("0\n1\n2\n" * 5)
    for name in ("out.CSV", "out.NPY", "out.Json", "out.TXT"):
        done = noisylab(
            capsys, "corrupt", "--labels", tmp_path / "x.TXT", "--out", tmp_path / name, "--save", tmp_path / "n.NPZ"
        )
        assert done.status == 0, done
        assert len(read_labels(tmp_path / name)) == 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["n.NPZ", "out.CSV", "out.Json", "out.NPY", "out.TXT", "x.TXT"]
    np.save(tmp_path / "t.npy", np.eye(3))
    (tmp_path / "t.npy").rename(tmp_path / "t.NPY")
    assert from_transition([0, 1, 2], tmp_path / "t.NPY").rate == 0
