"""Where data comes from."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData, load_data

ARRAYS = {
    "train_images": np.random.default_rng(0).integers(0, 256, (9, 10, 12, 3), dtype=np.uint8),
    "train_labels": np.arange(9).reshape(-1, 1) % 3,
    "test_images": np.random.default_rng(1).integers(0, 256, (3, 10, 12, 3), dtype=np.uint8),
    "test_labels": np.arange(3).reshape(-1, 1),
}


def load(spec: str, root: Path | None = None, size: int | None = None) -> ImageData:
    return load_data(DATA_SETS.parse(spec), root, size)


def test_digits_are_1347_and_450_with_every_class_in_proportion() -> None:
    data = load("digits")
    assert data.train_images.shape == (1347, 1, 8, 8)
    assert data.test_images.shape == (450, 1, 8, 8)
    assert data.train_images.dtype == np.uint8
    assert data.train_images.max() == 255
    assert np.ptp(np.bincount(data.train_labels)) <= 8
    assert len(np.unique(data.train_ids)) == 1347
    assert data.digest() == load("digits").digest()


def test_a_subset_is_stratified_and_says_where_its_samples_come_from() -> None:
    whole, part = load("digits"), load("digits", size=100)
    assert np.bincount(part.train_labels).tolist() == pytest.approx([10] * 10, abs=1)
    positions = np.searchsorted(whole.train_ids, part.train_ids)
    assert np.array_equal(whole.train_images[positions], part.train_images)
    assert np.array_equal(whole.train_labels[positions], part.train_labels)
    assert part.digest() == load("digits", size=100).digest() != whole.digest()


@pytest.mark.parametrize("size", [9, 1348])
def test_a_subset_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=rf"between 10 \(the classes\) and 1347 \(the samples\), got {size}"):
        load("digits", size=size)


def test_medmnists_keys_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **ARRAYS, val_images=np.zeros(1))  # type: ignore[arg-type]
    data = load(f"npz:{tmp_path / 'd.npz'}")
    assert data.train_images.shape == (9, 3, 10, 12)
    assert np.array_equal(data.train_images[4, :, 2, 3], ARRAYS["train_images"][4, 2, 3])
    assert data.train_labels.tolist() == [0, 1, 2] * 3
    assert data.class_names == ("0", "1", "2")
    pixels = ARRAYS["train_images"] / 255
    assert data.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)))
    assert data.std == pytest.approx(pixels.std(axis=(0, 1, 2)))


def test_grey_images_need_no_channel(tmp_path: Path) -> None:
    grey = ARRAYS | {name: ARRAYS[name][..., 0] for name in ("train_images", "test_images")}
    np.savez(tmp_path / "d.npz", **grey)  # type: ignore[arg-type]
    assert load(f"npz:{tmp_path / 'd.npz'}").shape == (1, 10, 12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_images": ARRAYS["train_images"] / 255}, "train_images must be uint8 [N,H,W] or [N,H,W,C], got float64"),
        (
            {"train_labels": np.zeros(4, dtype=int)},
            "train_labels must be 9 whole numbers or names, [N] or [N,1], got int64 [4]",
        ),
        ({"train_labels": ARRAYS["train_labels"] + 0.5}, "train_labels: labels must be integers, got float64"),
        ({"train_labels": ARRAYS["train_labels"] - 1}, "train_labels: labels must not be negative, got -1 at position 0"),
        ({"train_labels": np.array([None] * 9)}, "is not a MedMNIST-style .npz file"),
        ({"test_images": ARRAYS["test_images"][:, :5]}, "differ in shape"),
        ({"test_images": ARRAYS["test_images"][:0], "test_labels": ARRAYS["test_labels"][:0]}, "test_images must be"),
        ({"test_labels": None}, "it lacks test_labels; it holds"),
    ],
)
def test_a_malformed_npz_is_named_with_what_is_wrong(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **{key: value for key, value in (ARRAYS | change).items() if value is not None})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        load(f"npz:{path}")
    assert "bad.npz" in str(error.value)


def test_a_cut_npz_is_said_to_be_cut_or_something_else(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", train_images=np.zeros((9, 4, 4), np.uint8))
    whole = (tmp_path / "d.npz").read_bytes()
    (tmp_path / "d.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"it is truncated, or not a \.npz file"):
        load(f"npz:{tmp_path / 'd.npz'}")


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_text("text")
    for name in ("d.npz", "missing.npz"):
        with pytest.raises(ValueError, match=name):
            load(f"npz:{tmp_path / name}")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for part, count in (("train", 3), ("val", 1)):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8), (100 * label, 10 * number, 0)).save(tmp_path / part / name / f"{number}.png")
    return tmp_path


def test_class_folders_are_read_in_order(folders: Path) -> None:
    data = load(f"folder:{folders}")
    assert data.class_names == ("cat", "dog")
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train_images[:, :, 0, 0].tolist() == [[100 * (i // 3), 10 * (i % 3), 0] for i in range(6)]
    assert data.test_labels.tolist() == [0, 1]


def test_size_makes_images_alike(folders: Path) -> None:
    Image.new("RGB", (20, 10)).save(folders / "train" / "cat" / "wide.png")
    with pytest.raises(ValueError, match=r"wide.png' is 20x10 pixels, others are 8x8; .*size=32"):
        load(f"folder:{folders}")
    assert load(f"folder(path={str(folders)!r}, size=16)").shape == (3, 16, 16)


def test_grey_folders_have_one_channel(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
        Image.new("L", (8, 8), 7).save(tmp_path / part / "a" / "0.png")
    assert load(f"folder:{tmp_path}").shape == (1, 8, 8)


def test_unusable_folders_are_named(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must hold a folder train and a folder test or val"):
        load(f"folder:{folders / 'train'}")
    (folders / "val" / "bird").mkdir()
    with pytest.raises(ValueError, match="has the class 'bird', which train/ lacks"):
        load(f"folder:{folders}")
    (folders / "val" / "bird").rmdir()
    (folders / "train" / "cat" / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken.png' cannot be read as an image"):
        load(f"folder:{folders}")


def test_hidden_folders_are_no_classes_and_empty_ones_are_refused(folders: Path) -> None:
    (folders / "train" / ".ipynb_checkpoints").mkdir()
    assert load(f"folder:{folders}").class_names == ("cat", "dog")
    (folders / "train" / "zebra").mkdir()
    with pytest.raises(ValueError, match=r"zebra' holds no images"):
        load(f"folder:{folders}")


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds no images in class folders"):
        load(f"folder:{tmp_path}")


def test_a_missing_root_is_named() -> None:
    with pytest.raises(ValueError, match="data root '/nowhere' is not a folder"):
        load("cifar10", Path("/nowhere"))


def test_cifar_that_can_neither_be_found_nor_downloaded_says_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", no_network)
    with pytest.raises(
        ValueError, match=r"CIFAR10 is neither in .*cifar-10-batches-py' nor .*\(no network\); unpack cifar-10-python.tar.gz"
    ):
        load("cifar10", tmp_path)


def test_what_is_opened_is_what_was_saved(image_data: ImageData, tmp_path: Path) -> None:
    image_data.save(tmp_path)
    again = ImageData.open(tmp_path)
    assert again.digest() == image_data.digest()
    assert (again.class_names, again.mean, again.augment) == (image_data.class_names, image_data.mean, image_data.augment)


def test_every_byte_counts_for_the_digest(image_data: ImageData) -> None:
    import dataclasses

    images = image_data.test_images.copy()
    images[3, 0, 2, 1] ^= 1
    assert dataclasses.replace(image_data, test_images=images).digest() != image_data.digest()
