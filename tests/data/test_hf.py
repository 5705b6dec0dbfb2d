"""HuggingFace's data sets, saved to disk as without a network."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData, load_data


def load(spec: str, root: Path) -> ImageData:
    return load_data(DATA_SETS.parse(spec), root)


def image(value: int, mode: str = "RGB", size: int = 8) -> Image.Image:
    return Image.new(mode, (size, size), value if mode == "L" else (value, 0, 0))


def save(folder: Path, splits: dict[str, dict[str, list[Any]]], labels: dict[str, list[str] | None]) -> None:
    """labels: class names of the columns with labels; None where they are plain values."""
    hf = pytest.importorskip("datasets", reason="datasets is not installed (extra: hf)")
    names = {key: hf.ClassLabel(names=value) for key, value in labels.items() if value}
    parts = {}
    for split, columns in splits.items():
        plain = hf.Dataset.from_dict(columns)
        features = plain.features.copy()
        parts[split] = plain.cast(hf.Features({**features, **names}))
    hf.DatasetDict(parts).save_to_disk(str(folder))


def test_without_datasets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"need datasets .*pip install 'noisylab\[hf\]'"):
        load("hf:mnist", tmp_path)


def test_a_saved_set_is_read_from_the_data_root(tmp_path: Path) -> None:
    columns = {"img": [image(10 * i) for i in range(6)], "label": [0, 1, 2] * 2}
    test = {"img": [image(5)] * 3, "label": [2, 1, 0]}
    save(tmp_path / "who" / "what", {"train": columns, "validation": test}, {"label": ["a", "b", "c"]})
    data = load("hf:who/what", tmp_path)
    assert data.train_images.shape == (6, 3, 8, 8)
    assert data.train_images[:, 0, 3, 3].tolist() == [0, 10, 20, 30, 40, 50]
    assert data.train_labels.tolist() == [0, 1, 2] * 2
    assert data.test_labels.tolist() == [2, 1, 0]
    assert data.class_names == ("a", "b", "c")


def test_grey_sets_have_one_channel_unless_a_coloured_image_is_among_them(tmp_path: Path) -> None:
    grey = {"image": [image(i, "L") for i in range(4)], "label": [0, 1] * 2}
    save(tmp_path / "grey", {"train": grey, "test": grey}, {"label": ["a", "b"]})
    assert load("hf:grey", tmp_path).shape == (1, 8, 8)
    mixed = grey | {"image": [image(9, "L"), image(9), image(9, "L"), image(9)]}
    save(tmp_path / "mixed", {"train": mixed, "test": grey}, {"label": ["a", "b"]})
    data = load("hf:mixed", tmp_path)
    assert data.train_images[:2, :, 0, 0].tolist() == [[9, 9, 9], [9, 0, 0]]
    assert data.test_images.shape == (4, 3, 8, 8)


def test_the_label_is_named_where_there_are_several(tmp_path: Path) -> None:
    columns = {"img": [image(i) for i in range(4)], "fine": [0, 1, 2, 3], "coarse": [0, 0, 1, 1]}
    save(tmp_path / "two", {"train": columns, "test": columns}, {"fine": list("abcd"), "coarse": list("xy")})
    with pytest.raises(ValueError, match="2 columns that could be the label; give label= one of fine, coarse"):
        load("hf:two", tmp_path)
    assert load("hf(name='two', label='coarse')", tmp_path).class_names == ("x", "y")
    with pytest.raises(ValueError, match="no column 'kind'; give label= one of fine, coarse"):
        load("hf(name='two', label='kind')", tmp_path)
    with pytest.raises(ValueError, match=r"fine must hold images, got int"):
        load("hf(name='two', label='fine', image='fine')", tmp_path)


def test_texts_are_labels_in_alphabetical_order(tmp_path: Path) -> None:
    columns = {"image": [image(i) for i in range(3)], "label": ["dog", "cat", "dog"]}
    save(tmp_path / "texts", {"train": columns, "test": columns}, {"label": None})
    data = load("hf:texts", tmp_path)
    assert (data.class_names, data.train_labels.tolist()) == (("cat", "dog"), [1, 0, 1])


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    columns = {"image": [image(1), image(2, size=9)], "label": [0, 1]}
    save(tmp_path / "sizes", {"train": columns, "test": columns}, {"label": ["a", "b"]})
    with pytest.raises(ValueError, match=r"image 1 is 9x9 pixels, others are 8x8; .*size=32"):
        load("hf:sizes", tmp_path)
    assert load("hf(name='sizes', size=4)", tmp_path).shape == (3, 4, 4)
    with pytest.raises(ValueError, match="no split 'holdout'; give test= one of train, test"):
        load("hf(name='sizes', test='holdout')", tmp_path)
    hidden = {"image": [image(1), image(2)], "label": [-1, -1]}
    save(tmp_path / "hidden", {"train": columns | {"image": hidden["image"]}, "test": hidden}, {"label": None})
    with pytest.raises(ValueError, match="hidden: label of test: labels must not be negative, got -1 at position 0"):
        load("hf:hidden", tmp_path)


def test_what_cannot_be_had_says_how_to_bring_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = pytest.importorskip("datasets", reason="datasets is not installed (extra: hf)")

    def no_network(*_: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(hf, "load_dataset", no_network)
    with pytest.raises(ValueError, match=r"neither in .*who/what' .*no network.*load_dataset\('who/what'\)\.save_to_disk\("):
        load("hf:who/what", tmp_path)


def test_arrays_are_contiguous_bytes(tmp_path: Path) -> None:
    columns = {"image": [image(i) for i in range(3)], "label": [0, 1, 0]}
    save(tmp_path / "set", {"train": columns, "test": columns}, {"label": ["a", "b"]})
    images = load("hf:set", tmp_path).train_images
    assert images.dtype == np.uint8
    assert images.flags["C_CONTIGUOUS"]


def test_a_data_root_that_is_the_set_itself_is_told_its_parent(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed (extra: hf)")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "dataset_dict.json").touch()
    with pytest.raises(ValueError, match=rf"name its parent '{tmp_path}' with --data-root"):
        load_data("hf:set", tmp_path / "set")
