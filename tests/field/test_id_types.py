"""Ids, indexes, labels and logits in the types that people have them in: the same records, or refused at the door."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noisylab.analysis import error_norm, flips
from noisylab.corruption import from_pair
from noisylab.methods import DLBLoss
from noisylab.recording import DynamicsRecorder, load_dynamics, make_records

GIVEN = np.array([0, 1, 2, 1, 0, 2])
LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
ORDER = [4, 0, 2]

Make = Callable[[list[int]], Any]
INDEXES: dict[str, Make] = {
    **{
        f"torch {kind}": lambda ids, kind=kind: torch.tensor(ids).to(getattr(torch, kind))
        for kind in ("int8", "uint8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
    },
    **{f"numpy {kind}": lambda ids, kind=kind: np.array(ids, dtype=kind) for kind in ("i1", "u1", "<i2", ">i4", ">i8", "u8")},
    "objects": lambda ids: np.array(ids, dtype=object),
    "list": list,
    "tuple": tuple,
    "list of NumPy numbers": lambda ids: [np.int32(value) for value in ids],
    "list of tensors": lambda ids: [torch.tensor(value) for value in ids],
    "Series": lambda ids: pandas.Series(ids, index=[9, 8, 7]),
    "nullable Series": lambda ids: pandas.Series(ids, dtype="Int64"),
    "reversed view": lambda ids: np.array(ids[::-1])[::-1],
    "read-only": lambda ids: np.frombuffer(np.array(ids).tobytes(), dtype=np.int64),
    "column": lambda ids: torch.tensor(ids)[:, None],
}


def recorded(folder: Path, index: Any, logits: Any = None, labels: Any = None, **options: Any) -> DynamicsRecorder:
    recorder = DynamicsRecorder(folder, GIVEN, epochs=1, **options)
    recorder.observe(index, LOGITS[ORDER] if logits is None else logits, labels)
    recorder.end_epoch()
    return recorder


def expected() -> list[int]:
    best = LOGITS[ORDER].argmax(dim=1).tolist()
    return [best[ORDER.index(place)] if place in ORDER else 255 for place in range(6)]


@pytest.mark.parametrize("kind", INDEXES)
def test_positions_of_any_integer_type_mean_the_same(kind: str, tmp_path: Path) -> None:
    """int32 failed after a whole epoch, in a message of index_copy_."""
    assert recorded(tmp_path, INDEXES[kind](ORDER)).last["prediction"].tolist() == expected()


@pytest.mark.parametrize("index", [4, np.int16(4), torch.tensor(4), [4]])
@pytest.mark.parametrize("logits", [LOGITS[4], LOGITS[4:5], LOGITS[4].tolist()])
def test_a_single_sample_is_a_number_and_its_logits(index: Any, logits: Any, tmp_path: Path) -> None:
    assert recorded(tmp_path, index, logits).last["prediction"][4] == LOGITS[4].argmax()


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (torch.tensor([4.0, 0.0, 2.0]), r"index must be integers, positions of samples, got float32; index.long\(\)"),
        (np.array([4.0, 0.0, 2.0]), "got float32"),
        ([4, 0, 2.5], "got float32"),
        (torch.tensor([True, False, True]), r"got bool; index.nonzero\(\)\[:, 0\] makes those of a mask"),
        ([True, False, True], "got bool"),
        (["a", "b", "c"], r"'a', at entry 0, is none of the 6 sample_ids, such as 0, 1, 2"),
        (np.array([4, None, 2], dtype=object), "index must be all integers or all texts, got None at position 1"),
        (np.array([4, 0]), r"got \[\[2\], \[3, 3\], None\]"),
    ],
)
def test_an_index_that_is_no_position_is_refused_in_the_step(index: Any, said: str, tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, GIVEN, epochs=1)
    with pytest.raises(ValueError, match=said):
        recorder.observe(index, LOGITS[ORDER])


def test_positions_out_of_range_are_told_from_names(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, GIVEN, epochs=1, sample_ids=[10, 11, 12, 13, 14, 15])
    recorder.observe([14, 10, 12], LOGITS[ORDER])
    with pytest.raises(ValueError, match=r"index must be in \[0, 6\), got 10 to 14; .* recorder.positions\(ids\)"):
        recorder.end_epoch()
    assert recorder.positions([14, 10, 12]).tolist() == ORDER
    with pytest.raises(ValueError, match="16, at entry 1, is none of the 6 sample_ids, such as 10, 11, 12"):
        recorder.positions([14, 16])


NAMES = ["a.png", "b.png", "ä 图.png", "", "0", "00"]
TEXTS: dict[str, Callable[[list[str]], Any]] = {
    "list": list,
    "array": np.array,
    "objects": lambda names: np.array(names, dtype=object),
    "NumPy strings": lambda names: np.array(names, dtype=np.dtypes.StringDType()),
    "Series": lambda names: pandas.Series(names, dtype=object, index=range(len(names), 0, -1)),
    "string Series": lambda names: pandas.Series(names, dtype="string"),
    "category": lambda names: pandas.Series(names, dtype="category"),
    "bytes": lambda names: [name.encode() for name in names],
    "column": lambda names: np.array(names)[:, None],
}


@pytest.mark.parametrize("given_as", TEXTS)
@pytest.mark.parametrize("observed_as", ["list", "array", "objects", "string Series", "bytes"])
def test_texts_of_any_type_name_samples(given_as: str, observed_as: str, tmp_path: Path) -> None:
    names = [NAMES[place] for place in ORDER]
    recorder = recorded(tmp_path, TEXTS[observed_as](names), sample_ids=TEXTS[given_as](NAMES))
    assert recorder.last["prediction"].tolist() == expected()
    read = load_dynamics(tmp_path)
    assert read["sample"].values.tolist() == NAMES
    assert int(read["given"].sel(sample="ä 图.png")) == GIVEN[2]


def test_paths_name_samples(tmp_path: Path) -> None:
    recorder = recorded(tmp_path, ORDER, sample_ids=[Path("train") / f"{i}.png" for i in range(6)])
    assert recorder.positions([Path("train/3.png")]).tolist() == [3]
    assert load_dynamics(tmp_path)["sample"].values[3] == "train/3.png"


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([1, 2, 3, "4", 5, 6], r"all integers or all texts, got '4' at position 3; \[str\(id\) for id in ids\]"),
        (["a", "b", None, "d", "e", "f"], "got None at position 2"),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], r"got 1.0 at position 0; \[str|got 1.0 at position 0"),
        (np.arange(6.0), r"got .*0.0.* at position 0; astype\(int\)"),
        ([True, False] * 3, "got True at position 0"),
        ([2**64, 1, 2, 3, 4, 5], "got 18446744073709551616 at position 0"),
        ([uuid.UUID(int=i) for i in range(6)], "got UUID"),
        ([["a", "b"]] * 6, r"one-dimensional, got an array of shape \(6, 2\)"),
        (["a\0", "b", "c", "d", "e", "f"], "at position 0"),
        (["a", "b"], r"equally long, got \(6,\), \(6,\), \(2,\)"),
    ],
)
def test_names_that_are_neither_integers_nor_texts_are_refused(ids: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        DynamicsRecorder(tmp_path, GIVEN, epochs=1, sample_ids=ids)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "labels",
    [GIVEN[ORDER], GIVEN[ORDER].tolist(), GIVEN[ORDER][:, None], torch.tensor(GIVEN[ORDER])[:, None].to(torch.uint8)],
    ids=["array", "list", "column", "column of bytes"],
)
def test_labels_of_any_integer_type_and_columns_are_taken(labels: Any, tmp_path: Path) -> None:
    assert recorded(tmp_path, ORDER, labels=labels).last["prediction"].tolist() == expected()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.tensor([0.0, 0.0, 2.0]), r"labels must be integers, numbers of classes, got float32; labels.long\(\)"),
        (torch.tensor([True, False, True]), "labels must be integers, numbers of classes, got bool"),
        (torch.eye(3), r"shares of classes of shape \[3, 3\]; leave labels out"),
        (["cat", "cat", "dog"], "labels must be integers, numbers of classes: expected numbers, got <U3 values such as"),
        (torch.tensor([0, 0]), r"got \[\[3\], \[3, 3\], \[2\]\]"),
    ],
)
def test_labels_that_are_no_classes_are_refused_in_the_step(labels: Any, said: str, tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, GIVEN, epochs=1)
    with pytest.raises(ValueError, match=said):
        recorder.observe(ORDER, LOGITS[ORDER], labels)


@pytest.mark.parametrize(
    "logits",
    [
        LOGITS[ORDER].numpy(),
        LOGITS[ORDER].double().numpy(),
        LOGITS[ORDER].tolist(),
        LOGITS[ORDER].numpy().astype(">f8"),
        pandas.DataFrame(LOGITS[ORDER].numpy()),
    ],
    ids=["float32", "float64", "list", "big-endian", "DataFrame"],
)
def test_logits_may_be_arrays(logits: Any, tmp_path: Path) -> None:
    assert recorded(tmp_path, ORDER, logits).last["prediction"].tolist() == expected()


@pytest.mark.parametrize("logits", [{"logits": LOGITS[ORDER]}, LOGITS[ORDER] > 0, [["a"] * 3] * 3, None])
def test_what_are_no_logits_is_refused(logits: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"logits must be (real )?numbers"):
        DynamicsRecorder(tmp_path, GIVEN, epochs=1).observe(ORDER, logits)


@pytest.mark.parametrize("index", [2, np.int32(2), np.uint8(2), torch.tensor(2), torch.tensor(2, dtype=torch.int16)])
def test_a_wrapped_data_set_takes_integers_of_any_type(index: Any) -> None:
    wrapped = from_pair([0, 1, 1], [1, 1, 0]).wrap([("a", 0), ("b", 1), ("c", 1)])
    assert wrapped[index] == ("c", 0, 2)
    assert type(wrapped[index][2]) is int


@pytest.mark.parametrize("kind", [torch.int32, torch.int16, torch.uint8])
def test_dlbs_loss_takes_ids_of_any_integer_type(kind: torch.dtype) -> None:
    losses = []
    for dtype in (torch.int64, kind):
        loss, found = DLBLoss(), []
        for ids in ([0, 1], [0, 1, 2, 3], [2, 3, 4, 5]):
            index = torch.tensor(ids)
            found.append(loss(LOGITS[ids], torch.tensor(GIVEN[ids]), index.to(dtype)).item())
        losses.append(found)
    assert losses[0] == losses[1]


names = st.one_of(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=8),
    st.lists(st.integers(-(2**70), 2**70), min_size=2, max_size=8),
    st.lists(st.one_of(st.text(max_size=2), st.integers(0, 9), st.booleans(), st.none(), st.floats()), min_size=2, max_size=8),
)


@given(
    ids=names,
    held=st.sampled_from([list, tuple, lambda ids: np.array(ids, dtype=object), lambda ids: pandas.Series(ids, dtype=object)]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_names_come_back_as_they_are_or_are_refused(ids: list[Any], held: Callable[[list[Any]], Any]) -> None:
    plain = all(type(name) is str and not name.endswith("\0") for name in ids) or all(
        type(name) is int and -(2**63) <= name < 2**63 for name in ids
    )
    good = plain and len(set(ids)) == len(ids)
    arrays = {"loss": np.zeros((1, len(ids)))}
    if not good:
        with pytest.raises(ValueError, match=r"sample_ids must be .*, got [^\n]* at positions? \d"):
            make_records(arrays, np.zeros(len(ids), dtype=int), sample_ids=held(ids), record="eval")
        return
    found = make_records(arrays, np.zeros(len(ids), dtype=int), sample_ids=held(ids), record="eval")
    assert found["sample"].values.tolist() == ids


@given(
    kind=st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]),
    ids=st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True),
    as_tensor=st.booleans(),
    order=st.sampled_from("<>"),
)
@settings(max_examples=40, deadline=None)
def test_positions_in_any_type_and_byte_order_reach_their_samples(
    kind: str, ids: list[int], as_tensor: bool, order: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    index = torch.tensor(ids).to(getattr(torch, kind)) if as_tensor else np.array(ids, dtype=np.dtype(kind).newbyteorder(order))
    recorder = recorded(tmp_path_factory.mktemp("records"), index, LOGITS[ids])
    shown = np.flatnonzero(recorder.last["prediction"] != 255).tolist()
    assert shown == sorted(ids)
    assert (recorder.last["prediction"][ids] == LOGITS[ids].argmax(dim=1).numpy()).all()


def test_labels_as_a_column_are_labels_for_scores_too() -> None:
    p, column = [[0.75, 0.25], [0.5, 0.5]], [[0], [1]]
    assert error_norm(p, column).tolist() == error_norm(p, [0, 1]).tolist()
    predictions, true = [[0, 1], [1, 1]], [[0], [0]]
    pandas.testing.assert_frame_equal(flips(predictions, [[1], [1]], true), flips(predictions, [1, 1], [0, 0]))
