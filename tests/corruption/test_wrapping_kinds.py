"""Given labels on somebody else's data set."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import FakeData, ImageFolder
from torchvision.transforms.functional import pil_to_tensor

from noisylab.corruption import NoisyLabels, long_tailed, open_set, symmetric

LABELS = np.arange(20) % 4
NOISY = symmetric(LABELS, 0.5)


class Decoding:
    """A data set that counts how many images it has decoded."""

    def __init__(self) -> None:
        self.decoded = 0

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, index: int) -> tuple[str, int]:
        assert type(index) is int
        self.decoded += 1
        return f"image {index}", int(LABELS[index])


class Features(list[dict[str, Any]]):
    """As HuggingFace's: rows are dicts."""

    column_names = ("img", "label")


@pytest.mark.parametrize(
    "dataset",
    [
        Decoding(),
        [(f"image {i}", int(label)) for i, label in enumerate(LABELS)],
        Features({"img": f"image {i}", "label": int(label)} for i, label in enumerate(LABELS)),
        Features({"text": f"image {i}", "id": i, "labels": int(label)} for i, label in enumerate(LABELS)),
    ],
)
def test_samples_carry_the_given_label_and_their_index(dataset: Any) -> None:
    wrapped = NOISY.wrap(dataset)
    assert [wrapped[i] for i in range(20)] == [(f"image {i}", int(NOISY.given[i]), i) for i in range(20)]
    assert pickle.loads(pickle.dumps(wrapped))[3] == wrapped[3]


def folder_of_images(root: Path) -> ImageFolder:
    """Twelve images of 3 classes, each of a shade of its own."""
    for index in range(12):
        path = root / "abc"[index // 4] / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (20 * index, 0, 0)).save(path)
    return ImageFolder(str(root), transform=pil_to_tensor)


@pytest.mark.slow
def test_a_folder_of_images_loads_in_workers_with_given_labels(tmp_path: Path) -> None:
    folder = folder_of_images(tmp_path)
    noisy = symmetric(folder.targets, 0.5)
    wrapped = noisy.wrap(folder)
    loader: Any = DataLoader(wrapped, batch_size=5, num_workers=1, multiprocessing_context="spawn", shuffle=True)  # type: ignore[arg-type]
    images, labels, index = (torch.cat(part) for part in zip(*loader, strict=True))
    assert sorted(index.tolist()) == list(range(12))
    assert torch.equal(images[:, 0, 0, 0].long(), 20 * index)
    assert np.array_equal(labels, noisy.given[index])
    assert wrapped.targets == noisy.given.tolist()


def test_a_folder_in_another_order_is_refused_before_an_image_is_read(tmp_path: Path) -> None:
    folder = folder_of_images(tmp_path)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(ValueError, match="sample 0 has label 0 in the data set but true label 2"):
        symmetric(folder.targets[::-1], 0.5).wrap(folder)
    symmetric(folder.targets, 0.5).wrap(folder)


class Table:
    """As HuggingFace's `Dataset`: columns by name, rows by int or slice, decoded when they are fetched."""

    column_names = ("image", "label")

    def __init__(self) -> None:
        self.decoded = 0

    def __len__(self) -> int:
        return len(LABELS)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, str):
            return [row[key] for row in self]
        if isinstance(key, slice):
            rows = [self[i] for i in range(*key.indices(len(self)))]
            return {name: [row[name] for row in rows] for name in self.column_names}
        assert type(key) is int
        self.decoded += 1
        return {"image": f"image {key}", "label": int(LABELS[key])}


def test_a_table_of_rows_is_wrapped_without_decoding_its_columns() -> None:
    table = Table()
    wrapped = NOISY.wrap(table)
    assert table.decoded == 0
    assert wrapped[7] == ("image 7", int(NOISY.given[7]), 7)
    assert table.decoded == 1
    assert [sample[2] for sample in pickle.loads(pickle.dumps(wrapped))] == list(range(20))
    with pytest.raises(ValueError, match="sample 0 has label 0 in the data set but true label 3"):
        symmetric(LABELS[::-1], 0.5).wrap(table)[0]


def test_a_table_of_huggingface_is_wrapped() -> None:
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"text": [f"text {i}" for i in range(20)], "label": LABELS.tolist()})
    wrapped = NOISY.wrap(table)
    assert [wrapped[i] for i in range(20)] == [(f"text {i}", int(NOISY.given[i]), i) for i in range(20)]


def test_nothing_is_decoded_before_it_is_asked_for() -> None:
    dataset = Decoding()
    wrapped = NOISY.wrap(dataset)
    assert dataset.decoded == 0
    wrapped[5]
    assert dataset.decoded == 1


def test_a_tensor_as_index_gives_the_same_sample() -> None:
    wrapped = NOISY.wrap(Decoding())
    assert wrapped[torch.tensor(7)] == wrapped[np.int64(7)] == wrapped[7]  # type: ignore[index]


@pytest.mark.slow
def test_tensor_data_sets_load_in_workers() -> None:
    wrapped = NOISY.wrap(TensorDataset(torch.arange(20), torch.tensor(LABELS)))
    loader: Any = DataLoader(wrapped, batch_size=5, num_workers=1, multiprocessing_context="spawn")  # type: ignore[arg-type]
    _, labels, index = (torch.cat(part) for part in zip(*loader, strict=True))
    assert np.array_equal(labels, NOISY.given[index])


def test_a_long_tail_takes_its_own_samples() -> None:
    noisy = long_tailed(LABELS, 0.2, "symmetric:0.5")
    assert noisy.positions is not None
    wrapped = noisy.wrap(Decoding())
    assert [image for image, _, _ in (wrapped[i] for i in range(len(wrapped)))] == [f"image {i}" for i in noisy.positions]


def test_open_set_samples_show_outside_images() -> None:
    noisy = open_set(LABELS, 0.5, 30)
    outside = [(f"outside {i}", 0) for i in range(30)]
    assert noisy.replaced_by is not None
    wrapped = noisy.wrap(Decoding(), outside)
    for i, replaced in enumerate(noisy.replaced_by):
        assert wrapped[i][0] == (f"image {i}" if replaced < 0 else f"outside {replaced}")
    with pytest.raises(ValueError, match="got none"):
        noisy.wrap(Decoding())


@pytest.mark.parametrize(
    ("noisy", "said"),
    [
        (symmetric(LABELS[:10], 0.5), "has 20 samples, the corruption 10"),
        (symmetric(LABELS[::-1], 0.5), "sample 0 has label 0"),
    ],
)
def test_a_mismatch_is_refused(noisy: NoisyLabels, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        noisy.wrap(Decoding())[0]


def rows(**entries: list[Any]) -> list[dict[str, Any]]:
    """Twenty dicts, with the labels where they are not given."""
    return [{name: values[i] for name, values in entries.items()} for i in range(20)]


TRUE = LABELS.tolist()
TEXTS = [f"text {i}" for i in range(20)]


def test_what_is_neither_image_nor_label_comes_along_as_a_dict() -> None:
    tokens = NOISY.wrap(rows(input_ids=[[i] for i in range(20)], attention_mask=[[1]] * 20, label=TRUE))
    assert tokens[3] == ({"input_ids": [3], "attention_mask": [1]}, int(NOISY.given[3]), 3)
    assert pickle.loads(pickle.dumps(tokens))[3] == tokens[3]
    assert NOISY.wrap(rows(sentence=TEXTS, label=TRUE, idx=list(range(20))))[3][0] == {"sentence": "text 3", "idx": 3}


def test_the_label_and_the_image_can_be_named() -> None:
    table = rows(img=TEXTS, fine_label=TRUE, coarse_label=[0] * 20)
    with pytest.raises(ValueError, match="label_key='fine_label' or label_key='coarse_label' may say which it is"):
        NOISY.wrap(table)[0]
    assert NOISY.wrap(table, label_key="fine_label")[3] == ("text 3", int(NOISY.given[3]), 3)
    with pytest.raises(ValueError, match="sample 1 has label 0 in the data set but true label 1"):
        NOISY.wrap(table, label_key="coarse_label")[1]
    both = rows(a=TEXTS, b=TEXTS[::-1], label=TRUE)
    assert NOISY.wrap(both, image_key="b")[0][0] == "text 19"
    with pytest.raises(ValueError, match="image_key must be one of a, b, label, got 'c'"):
        NOISY.wrap(both, image_key="c")[0]


def test_a_table_says_at_once_that_its_label_must_be_named() -> None:
    table = Table()
    table.column_names = ("img", "fine_label", "coarse_label")  # type: ignore[misc]
    with pytest.raises(ValueError, match="label_key='fine_label'"):
        NOISY.wrap(table)
    assert table.decoded == 0


@pytest.mark.parametrize(
    "dataset",
    [
        [(f"a {i}", f"b {i}", label) for i, label in enumerate(TRUE)],
        [(label, f"a {i}", f"b {i}") for i, label in enumerate(TRUE)],
    ],
)
def test_of_longer_tuples_the_label_is_the_last_entry_or_the_one_that_is_named(dataset: Any) -> None:
    first = isinstance(dataset[0][0], int)
    wrapped = NOISY.wrap(dataset, label_key=0) if first else NOISY.wrap(dataset)
    assert [wrapped[i] for i in range(20)] == [((f"a {i}", f"b {i}"), int(NOISY.given[i]), i) for i in range(20)]


def test_tensors_of_two_inputs_and_a_label() -> None:
    a, b = torch.arange(20), torch.arange(40).reshape(20, 2)
    (first, second), label, index = NOISY.wrap(TensorDataset(a, b, torch.tensor(LABELS)))[3]
    assert (int(first), second.tolist(), label, index) == (3, [6, 7], int(NOISY.given[3]), 3)


def test_a_true_label_that_is_not_the_last_entry_is_never_handed_on() -> None:
    class Indexed(list[Any]):
        targets = TRUE

    dataset = Indexed((f"image {i}", label, 100 + i) for i, label in enumerate(TRUE))
    with pytest.raises(ValueError, match=r"label_key says which entry"):
        NOISY.wrap(dataset)[3]
    assert NOISY.wrap(dataset, label_key=1, image_key=0)[3] == ("image 3", int(NOISY.given[3]), 3)


def test_names_of_classes_and_given_labels_are_those_of_the_wrapped_set(tmp_path: Path) -> None:
    folder = folder_of_images(tmp_path)
    wrapped = symmetric(folder.targets, 0.5).wrap(folder)
    assert wrapped.classes == ["a", "b", "c"]
    assert wrapped.targets == wrapped.noisy.given.tolist()
    assert not hasattr(NOISY.wrap(Decoding()), "classes")


def test_outside_images_need_no_label() -> None:
    noisy = open_set(LABELS, 1, 20)
    assert noisy.replaced_by is not None
    for outside in ([f"outside {i}" for i in range(20)], [{"img": f"outside {i}"} for i in range(20)]):
        assert noisy.wrap(Decoding(), outside)[0][0] == f"outside {noisy.replaced_by[0]}"


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (np.zeros((20, 64)), r"got rows of an array of shape \(20, 64\); wrap list\(zip\(images, labels\)\)"),
        (torch.zeros(20, 3), r"got rows of an array of shape \(20, 3\)"),
        (
            TensorDataset(torch.zeros(20, 3)),
            r"\(image, label\), a tuple that ends in its label, or a dict .* got a tuple of 1 entry",
        ),
        ([np.zeros(8)] * 20, r"got an array of shape \(8,\)"),
        (TEXTS, "got str 'text 0'"),
        ([(0, "cat")] * 20, "the label of a sample must be a whole number, got str 'cat'"),
        ([(0, 0.5)] * 20, "must be a whole number, got float '0.5'"),
        ([{"a": 1, "b": 2}] * 20, "a sample must have a label, got the entries a, b; see label_key"),
        ([{"label": 0}] * 20, "got only 'label'"),
    ],
)
def test_rows_without_a_label_are_refused_with_what_is_expected(dataset: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NOISY.wrap(dataset)[0]


def reverse(label: int) -> int:
    return 2 - label


def one_hot(label: int) -> torch.Tensor:
    return torch.eye(3)[label]


def test_labels_are_those_after_a_target_transform(tmp_path: Path) -> None:
    folder = folder_of_images(tmp_path)
    folder.target_transform = reverse
    # ImageFolder's own `targets` are those before it.
    noisy = symmetric([reverse(label) for label in folder.targets], 0.5)
    wrapped = noisy.wrap(folder)
    assert [wrapped[i][1:] for i in range(12)] == [(int(label), i) for i, label in enumerate(noisy.given)]
    with pytest.raises(ValueError, match=r"before the data set's target_transform.* make it from \[dataset.target_transform"):
        symmetric(folder.targets, 0.5).wrap(folder)
    with pytest.raises(ValueError, match="sample 1 has label 2 in the data set but true label 0"):
        symmetric(np.where(np.arange(12) == 1, 0, noisy.true), 0.5).wrap(folder)
    folder.target_transform = one_hot
    with pytest.raises(ValueError, match=r"after the target_transform.* whole number, got an array of shape \(3,\)"):
        noisy.wrap(folder)


def test_labels_are_those_after_a_target_transform_where_none_are_known_before() -> None:
    fake = FakeData(12, (1, 2, 2), 3)
    before = [int(fake[i][1]) for i in range(12)]
    fake.target_transform = lambda label: (label + 1) % 3
    after = [int(fake[i][1]) for i in range(12)]
    noisy = symmetric(after, 0.5, 3)
    assert [noisy.wrap(fake)[i][1] for i in range(12)] == noisy.given.tolist()
    with pytest.raises(ValueError, match=f"sample 0 has label {after[0]} in the data set but true label {before[0]}"):
        symmetric(before, 0.5, 3).wrap(fake)[0]


def test_a_table_of_columns_is_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=r"wrap table.to_dict\('records'\)"):
        NOISY.wrap(pandas.DataFrame({"text": TEXTS, "label": TRUE}))
