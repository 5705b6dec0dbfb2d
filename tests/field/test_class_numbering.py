"""Classes that nobody has: labels from 1, with gaps, from 100001; classes of the test set alone; names without samples."""

import tempfile
import tracemalloc
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers_cli import noisylab
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from noisylab.cli import main
from noisylab.corruption import NoisyLabels, asymmetric, from_pair, long_tailed, restrict, symmetric
from noisylab.corruption.class_numbers import class_order
from noisylab.data import ImageData, from_datasets, load_data
from noisylab.data.class_labels import Labels, numbered_classes
from noisylab.recording import DynamicsRecorder

IMAGE = np.zeros((4, 4), np.uint8)


def npz(folder: Path, train: Any, test: Any) -> ImageData:
    """A data set with these labels, read from a file."""
    arrays = {"train_labels": np.asarray(train), "test_labels": np.asarray(test)}
    arrays |= {f"{part}_images": np.zeros((len(arrays[f"{part}_labels"]), 4, 4), np.uint8) for part in ("train", "test")}
    np.savez(folder / "own.npz", **arrays)  # type: ignore[arg-type]
    return load_data(f"npz:{folder / 'own.npz'}")


def pair(train: Any, test: Any, **names: Any) -> ImageData:
    return from_datasets([(IMAGE, label) for label in train], [(IMAGE, label) for label in test], **names)


def hf(folder: Path, train: list[Any], test: list[Any], names: list[list[str] | None]) -> ImageData:
    """A saved HuggingFace set; names: those of the label's feature in each split, None for plain values."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra: hf)")
    splits = {}
    for part, labels, own in zip(("train", "test"), (train, test), names, strict=True):
        held = datasets.Dataset.from_dict({"image": [Image.new("L", (4, 4))] * len(labels), "label": labels})
        features = datasets.Features({**held.features, **({"label": datasets.ClassLabel(names=own)} if own else {})})
        splits[part] = held.cast(features)
    datasets.DatasetDict(splits).save_to_disk(str(folder / "set"))
    return load_data("hf:set", folder)


NUMBERINGS = pytest.mark.parametrize(
    "classes",
    [list(range(1, 11)), [0, 3, 7], [100001, 100007, 99999999999], [5, 12, 100]],
    ids=["from 1", "gaps", "large", "5"],
)


@NUMBERINGS
@pytest.mark.parametrize("source", ["npz", "npz of a column", "hf", "from_datasets"])
def test_labels_with_gaps_are_renumbered_and_keep_their_numbers_as_names(
    tmp_path: Path, classes: list[int], source: str
) -> None:
    train, test = classes * 4, classes[::-1]
    makers = {
        "npz": lambda: npz(tmp_path, train, test),
        "npz of a column": lambda: npz(tmp_path, np.array(train)[:, None], np.array(test)[:, None]),
        "hf": lambda: hf(tmp_path, train, test, [None, None]),
        "from_datasets": lambda: pair(train, test),
    }
    tracemalloc.start()
    data = makers[source]()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.class_names == tuple(map(str, classes))
    assert data.train_labels.tolist() == list(range(len(classes))) * 4
    assert data.test_labels.tolist() == list(range(len(classes)))[::-1]
    assert peak < 100e6
    noisy: NoisyLabels = symmetric(data.train_labels, 0.5, data.num_classes, class_names=data.class_names)  # type: ignore[call-arg]
    assert {data.class_names[each] for each in noisy.given} == set(map(str, classes))


def test_labels_from_0_without_gaps_stay_as_they_are(tmp_path: Path) -> None:
    data = npz(tmp_path, [2, 0, 1, 1], [1, 0])
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == ([2, 0, 1, 1], [1, 0])
    assert data.class_names == ("0", "1", "2")
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64


def test_text_labels_of_an_npz_are_numbered_by_name(tmp_path: Path) -> None:
    data = npz(tmp_path, ["dog", "cat", "dog"], ["cat"])
    assert (data.class_names, data.train_labels.tolist(), data.test_labels.tolist()) == (("cat", "dog"), [1, 0, 1], [0])
    as_bytes = npz(tmp_path, np.array(["é".encode(), b"b"]), np.array([b"b"]))
    assert as_bytes.class_names == ("b", "é")
    assert npz(tmp_path, [True, False], [True]).class_names == ("False", "True")


def test_labels_that_need_64_bits_keep_them(tmp_path: Path) -> None:
    assert npz(tmp_path, np.array([2**63 + 1, 5], np.uint64), np.array([5], np.uint64)).class_names == ("5", str(2**63 + 1))


def test_training_from_0_and_testing_from_1_is_refused(tmp_path: Path) -> None:
    said = r"has 3 at position 1, and no training sample has that class; are both parts numbered alike\?"
    with pytest.raises(ValueError, match=rf"own.npz': test_labels {said}"):
        npz(tmp_path, [0, 1, 2], [1, 3, 2])
    with pytest.raises(ValueError, match=rf"the test set {said}"):
        pair([0, 1, 2], [1, 3, 2])
    with pytest.raises(ValueError, match=rf"label of test {said}"):
        hf(tmp_path, [0, 1, 2], [1, 3, 2], [None, None])


def test_a_class_of_training_alone_is_kept() -> None:
    assert pair([1, 2, 3], [3]).test_labels.tolist() == [2]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0, -1, 1], [0], "the training set: labels must not be negative, got -1 at position 1"),
        (["a", "b"], [0], "labels must be all names or all numbers, but the training set has 'a' at position 0, and the test"),
        (["a", 1], ["a"], "the training set: labels must be all names or all numbers, got 1 at position 1"),
        (["7", "007"], ["7"], "the training set: the classes '007' and '7' are one number in two spellings"),
    ],
)
def test_labels_that_cannot_be_numbered_are_named_with_their_place(train: list[Any], test: list[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pair(train, test)


def test_several_labels_of_a_sample_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"train_labels must be 4 whole numbers or names, \[N\] or \[N,1\], got int64 \[4, 14\]"
    ):
        npz(tmp_path, np.zeros((4, 14), int), np.zeros((4, 14), int))


def test_named_classes_without_samples_exist_and_training_says_which_it_lacks(tmp_path: Path) -> None:
    letters = ["N/A", "a", "b", "c"]
    with pytest.warns(UserWarning, match="label of train: no sample has the classes N/A, b, of the 4 that the data set names"):
        data = hf(tmp_path, [1, 3], [2, 1], [letters, letters])
    assert (data.class_names, data.train_labels.tolist(), data.test_labels.tolist()) == (tuple(letters), [1, 3], [2, 1])
    with pytest.warns(UserWarning, match="the training set: no sample has the class N/A, of the 3"):
        pair([1, 2], [1], class_names=["N/A", "a", "b"])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*no sample has")
        pair([1, 0], [1], class_names=["a", "b"])


def test_labels_beyond_the_names_are_refused_with_their_place() -> None:
    said = r"in \[0, 2\), one for each class name, got 2: the training set has 2 at position 1; classes are counted from 0"
    with pytest.raises(ValueError, match=said):
        pair([1, 2, 1], [1], class_names=["cat", "dog"])


def test_names_that_are_the_labels_are_read_as_the_labels() -> None:
    data = pair([1, 2, 3], [3], class_names=["1", "2", "3"])
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == ([0, 1, 2], [2])


class Rows(list[Any]):
    """A data set that names its classes, as torchvision's do."""

    def __init__(self, classes: list[Any], labels: list[Any]) -> None:
        super().__init__((IMAGE, label) for label in labels)
        self.classes = classes


def test_a_test_folder_that_lacks_a_class_is_numbered_by_name_not_by_its_own_numbers() -> None:
    data = from_datasets(Rows(["ant", "bee", "cat"], [0, 1, 2]), Rows(["ant", "cat"], [0, 1]))
    assert data.test_labels.tolist() == [0, 2]
    with pytest.raises(ValueError, match="the test set: 'dog' is not a class; the classes are ant, bee"):
        from_datasets(Rows(["ant", "bee"], [0, 1]), Rows(["ant", "dog"], [0, 1]))
    # Synonyms, as in torchvision's ImageNet.
    same = [("tench", "Tinca tinca"), ("goldfish",)]
    assert from_datasets(Rows(same, [0, 1]), Rows(same, [1])).class_names == ("tench, Tinca tinca", "goldfish")


def test_splits_that_name_their_classes_in_other_orders_are_numbered_alike(tmp_path: Path) -> None:
    data = hf(tmp_path, [0, 1, 1], [0, 1, 1], [["cat", "dog"], ["dog", "cat"]])
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == ([0, 1, 1], [1, 0, 0])


def test_as_many_classes_as_samples_are_warned_about() -> None:
    with pytest.warns(UserWarning, match="150 classes for 150 training samples; are the labels identifiers"):
        pair(range(150), [0])


@pytest.mark.parametrize("labels", [list(range(1, 11)) * 2, [0, 3, 7] * 5, [100001, 100002] * 5])
def test_the_shell_names_classes_by_the_numbers_that_occur_and_python_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: list[int]
) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(map(str, labels)))
    with pytest.raises(ValueError, match=r"labels must hold every class .*labels as text \(np.array\(labels\).astype\(str\)\)"):
        symmetric(labels, 0.4)
    named = symmetric(np.array(labels).astype(str), 0.4)
    assert named.class_names == tuple(map(str, sorted(set(labels))))
    answer = noisylab(
        capsys, "corrupt", "--labels", tmp_path / "labels.txt", "--noise", "symmetric:0.4", "--save", tmp_path / "n.npz"
    )
    assert f"the classes are the {len(set(labels))} labels that occur, {min(labels)} to {max(labels)};" in answer.out
    assert NoisyLabels.load(tmp_path / "n.npz") == named


def test_given_labels_are_written_in_the_data_set_s_own_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    npz(tmp_path, list(range(1, 11)) * 9, [1])
    source = ["corrupt", "--data", f"npz:{tmp_path / 'own.npz'}"]
    for name in ("given.csv", "given.json", "given.txt"):
        out = tmp_path / name
        made = noisylab(capsys, *source, "--noise", "asymmetric(rate=0.5, mapping={'10': '1'})", "--out", out)
        assert made.status == 0, made
        # The file is read back with the same classes.
        again = noisylab(capsys, *source, "--noise", f"file:{out}")
        assert "        10        9  0.4444  1 (4)" in again.out or "        10        9  0.5556  1 (5)" in again.out, again
    given_true = np.loadtxt(tmp_path / "given.csv", delimiter=",", skiprows=1, dtype=int)
    assert given_true[:, -1].tolist() == list(range(1, 11)) * 9


# Names that NumPy's texts can hold; not two spellings of one number.
def _distinct(names: list[str]) -> bool:
    try:
        class_order(names)
    except ValueError:
        return False
    return True


WORDS = st.text("abÄ中é -_$.0123456789", min_size=1, max_size=4).filter(str.strip)
CLASSES = st.one_of(
    st.lists(st.integers(0, 12) | st.integers(0, 10**12), min_size=2, max_size=7, unique=True),
    st.lists(WORDS, min_size=2, max_size=7, unique=True).filter(_distinct),
    st.lists(st.integers(0, 200).map(str), min_size=2, max_size=7, unique=True),
    st.just([True, False]),
)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Labels for training, which hold every class, and for testing, in any order."""
    classes: list[Any] = draw(CLASSES)
    train = draw(st.permutations(classes * 2)) + draw(st.lists(st.sampled_from(classes), max_size=5))
    return train, draw(st.lists(st.sampled_from(classes), min_size=1, max_size=5))


def expected_order(labels: list[Any]) -> list[str]:
    """Written again, more slowly: by number if all are numbers, else as text."""
    texts = sorted(set(map(str, labels)))
    bodies = [text.strip().removeprefix("-") for text in texts]
    numbers = all(body.replace(".", "", 1).isdecimal() and body.strip(".") == body for body in bodies)
    return sorted(texts, key=lambda text: Fraction(text.strip())) if numbers else texts


def in_memory(train: list[Any], test: list[Any]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    data = pair(train, test)
    return [data.train_labels, data.test_labels], data.class_names


def in_a_file(train: list[Any], test: list[Any]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        data = npz(Path(folder), train, test)
    return [data.train_labels, data.test_labels], data.class_names


def as_labels(train: list[Any], test: list[Any]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """As HuggingFace's columns come."""
    return numbered_classes(Labels("train", train), Labels("test", test))


@pytest.mark.parametrize("read", [in_memory, in_a_file, as_labels])
@settings(max_examples=60)
@given(labels=labelled())
def test_any_numbering_gives_the_classes_that_occur_and_finds_every_label_again(
    read: Any, labels: tuple[list[Any], list[Any]]
) -> None:
    train, test = labels
    numbers, names = read(train, test)
    assert list(names) == expected_order(train)
    for held, found in zip(labels, numbers, strict=True):
        assert found.dtype == np.int64
        assert [names[number] for number in found] == list(map(str, held))
    noisy: NoisyLabels = symmetric(numbers[0], 0.5, len(names), class_names=names)  # type: ignore[call-arg]
    assert {names[number] for number in noisy.given} <= set(map(str, train))


@settings(max_examples=150)
@given(labels=labelled())
def test_label_arrays_of_names_become_the_classes_that_occur(labels: tuple[list[Any], list[Any]]) -> None:
    texts = list(map(str, labels[0]))
    noisy = symmetric(texts, 0.5)
    names = noisy.class_names
    assert names is not None
    assert list(names) == expected_order(texts)
    assert [names[number] for number in noisy.true] == texts
    assert from_pair(texts, [names[each] for each in noisy.given]).given.tolist() == noisy.given.tolist()
    one, other = names[0], names[-1]
    flipped = asymmetric(texts, 1, {one: other})
    assert {names[each] for each in flipped.given} == set(names) - {one}
    assert set(restrict(noisy, [one]).true[restrict(noisy, [one]).mislabelled]) <= {0}
    assert long_tailed(texts, 0.5, "symmetric:0.5").class_names == names


@settings(max_examples=150)
@given(labels=st.lists(st.integers(0, 9) | st.integers(0, 10**9), min_size=2, max_size=12))
def test_label_arrays_of_numbers_are_without_gaps_or_refused(labels: list[int]) -> None:
    if len(set(labels)) > 1 and set(labels) == set(range(len(set(labels)))):
        assert set(symmetric(labels, 0.5).given.tolist()) <= set(labels)
    else:
        with pytest.raises(ValueError, match="num_classes"):
            symmetric(labels, 0.5)


def test_a_record_of_labels_from_1_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labels must hold every class from 0 to 3, got none of class 0: pass num_classes=4"):
        DynamicsRecorder(tmp_path, [1, 2, 3] * 4, epochs=1)
    assert DynamicsRecorder(tmp_path, [1, 2, 3] * 4, epochs=1, num_classes=4).num_classes == 4


def test_the_shell_takes_labels_from_1_and_writes_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text("label\n" + "\n".join(str(1 + i % 12) for i in range(240)) + "\n")
    for labels, out in (("own.csv", "given.csv"), ("given.csv", "again.csv")):
        main(["corrupt", "--labels", labels, "--noise", "symmetric:0.25", "--out", out])
        assert "the classes are the 12 labels that occur, 1 to 12" in capsys.readouterr().out
        given = {row.split(",")[0] for row in Path(out).read_text().splitlines()[1:]}
        assert given == {str(number) for number in range(1, 13)}
