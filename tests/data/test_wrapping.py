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
from torchvision.datasets import ImageFolder
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
    assert [wrapped[i] for i in range(20)] == [(f"image {i}", int(NOISY.labels[i]), i) for i in range(20)]
    assert pickle.loads(pickle.dumps(wrapped))[3] == wrapped[3]


def folder_of_images(root: Path) -> ImageFolder:
    """Twelve images of 3 classes, each of a shade of its own."""
    for index in range(12):
        path = root / "abc"[index // 4] / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (20 * index, 0, 0)).save(path)
    return ImageFolder(str(root), transform=pil_to_tensor)


def test_a_folder_of_images_loads_in_workers_with_given_labels(tmp_path: Path) -> None:
    folder = folder_of_images(tmp_path)
    noisy = symmetric(folder.targets, 0.5)
    wrapped = noisy.wrap(folder)
    loader: Any = DataLoader(wrapped, batch_size=5, num_workers=1, multiprocessing_context="spawn", shuffle=True)  # type: ignore[arg-type]
    images, labels, index = (torch.cat(part) for part in zip(*loader, strict=True))
    assert sorted(index.tolist()) == list(range(12))
    assert torch.equal(images[:, 0, 0, 0].long(), 20 * index)
    assert np.array_equal(labels, noisy.labels[index])
    assert wrapped.targets == noisy.labels.tolist()


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
    assert wrapped[7] == ("image 7", int(NOISY.labels[7]), 7)
    assert table.decoded == 1
    assert [sample[2] for sample in pickle.loads(pickle.dumps(wrapped))] == list(range(20))
    with pytest.raises(ValueError, match="sample 0 has label 0 in the data set but true label 3"):
        symmetric(LABELS[::-1], 0.5).wrap(table)[0]


def test_a_table_of_huggingface_is_wrapped() -> None:
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"text": [f"text {i}" for i in range(20)], "label": LABELS.tolist()})
    wrapped = NOISY.wrap(table)
    assert [wrapped[i] for i in range(20)] == [(f"text {i}", int(NOISY.labels[i]), i) for i in range(20)]


def test_nothing_is_decoded_before_it_is_asked_for() -> None:
    dataset = Decoding()
    wrapped = NOISY.wrap(dataset)
    assert dataset.decoded == 0
    wrapped[5]
    assert dataset.decoded == 1


def test_a_tensor_as_index_gives_the_same_sample() -> None:
    wrapped = NOISY.wrap(Decoding())
    assert wrapped[torch.tensor(7)] == wrapped[np.int64(7)] == wrapped[7]  # type: ignore[index]


def test_tensor_data_sets_load_in_workers() -> None:
    wrapped = NOISY.wrap(TensorDataset(torch.arange(20), torch.tensor(LABELS)))
    loader: Any = DataLoader(wrapped, batch_size=5, num_workers=1, multiprocessing_context="spawn")  # type: ignore[arg-type]
    _, labels, index = (torch.cat(part) for part in zip(*loader, strict=True))
    assert np.array_equal(labels, NOISY.labels[index])


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


def test_a_dict_without_label_is_refused() -> None:
    with pytest.raises(ValueError, match="label_key must name the entry of a sample that is its label, one of a, b"):
        symmetric([0, 1], 0).wrap([{"a": 1, "b": 2}, {}])[0]
