"""MNIST, FashionMNIST and SVHN from files in their own formats; TinyImageNet from its own folders."""

import dataclasses
import gzip
import os
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torchvision
from PIL import Image

from noisylab.core.registries import DATA_SETS, NOISES
from noisylab.corruption.class_maps import CIFAR100_SUPERCLASS
from noisylab.data.image_data import ImageData, channel_statistics, load_data

OFFICIAL = Path(os.environ.get("NOISYLAB_DATA", "data"))
RNG = np.random.default_rng(0)


def load(spec: str, root: Path) -> ImageData:
    return load_data(DATA_SETS.parse(spec), root)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    for module in (torchvision.datasets.mnist, torchvision.datasets.utils):
        monkeypatch.setattr(module, "download_and_extract_archive", refuse)
    monkeypatch.setattr(torchvision.datasets.svhn, "download_url", refuse)


def write_idx(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Files as MNIST's page describes them: big-endian sizes, then bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, *images.shape) + images.tobytes())
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(
        struct.pack(">2i", 2049, len(labels)) + labels.astype(np.uint8).tobytes()
    )


@pytest.mark.parametrize(
    ("spec", "folder", "mean", "mapping"),
    [("mnist", "MNIST", 0.1307, "mnist"), ("fashion_mnist", "FashionMNIST", 0.2860, None)],
)
def test_idx_files_are_read(tmp_path: Path, spec: str, folder: str, mean: float, mapping: str | None) -> None:
    train, test = RNG.integers(0, 256, (20, 28, 28), dtype=np.uint8), RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    write_idx(tmp_path / folder / "raw", "train", train, np.arange(20) % 10)
    write_idx(tmp_path / folder / "raw", "t10k", test, np.arange(10))
    data = load(spec, tmp_path)
    assert np.array_equal(data.train_images, train[:, None])
    assert np.array_equal(data.test_images, test[:, None])
    assert data.train_labels.tolist() == [*range(10)] * 2
    assert (data.num_classes, data.mean, data.asymmetric_mapping) == (10, (mean,), mapping)
    assert data.train_images.dtype == np.uint8
    assert data.train_labels.dtype == np.int64


def test_a_truncated_idx_file_is_said_to_be_no_good(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("t10k", 10)):
        write_idx(tmp_path / "MNIST" / "raw", part, np.zeros((count, 28, 28), dtype=np.uint8), np.arange(count) % 10)
    path = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"MNIST is neither in .*raw.*; put train-images-idx3-ubyte.gz"):
        load("mnist", tmp_path)


def test_svhns_files_are_read_with_ten_as_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.SVHN, "_check_integrity", lambda _: True)
    monkeypatch.setattr(torchvision.datasets.SVHN, "download", lambda _: None)
    images = RNG.integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)
    labels = (np.arange(20) % 10 + 1)[:, None].astype(np.uint8)
    for part in ("train", "test"):
        scipy.io.savemat(tmp_path / f"{part}_32x32.mat", {"X": images, "y": labels})
    data = load("svhn", tmp_path)
    assert data.shape == (3, 32, 32)
    assert np.array_equal(data.train_images[7], images[:, :, :, 7].transpose(2, 0, 1))
    assert data.train_labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 2
    assert "flip=False" in data.augment


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mnist", r"MNIST is neither in .*MNIST/raw' .*\(.*no network.*\); put train-images-idx3-ubyte.gz, .* --data-root"),
        ("fashion_mnist", r"FashionMNIST is neither in .*FashionMNIST/raw' .*; put .*t10k-labels-idx1-ubyte.gz in"),
        ("svhn", r"SVHN is neither in .*; put train_32x32.mat \(MD5 e26d.*\) and test_32x32.mat \(MD5 .*\) in"),
        ("tiny_imagenet", r"TinyImageNet is neither in .*tiny-imagenet-200' .*\(no network\); unpack tiny-imagenet-200.zip"),
    ],
)
def test_what_can_neither_be_found_nor_downloaded_says_where_to_put_it(tmp_path: Path, spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){said}"):
        load(spec, tmp_path)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A data root with a TinyImageNet of two classes."""
    base = tmp_path / "tiny-imagenet-200"
    (base / "val" / "images").mkdir(parents=True)
    # Its own order is not alphabetical.
    (base / "wnids.txt").write_text("n02\nn01\n")
    (base / "words.txt").write_text("n01\tgoldfish, Carassius auratus\nn03\tother\n")
    for label, wnid in enumerate(("n01", "n02")):
        (base / "train" / wnid / "images").mkdir(parents=True)
        for number in range(3):
            mode, colour = ("L", 100 * label) if number == 1 else ("RGB", (100 * label, 10 * number, 0))
            Image.new(mode, (64, 64), colour).save(base / "train" / wnid / "images" / f"{wnid}_{number}.JPEG")
        (base / "train" / wnid / f"{wnid}_boxes.txt").write_text("")
    lines = []
    for number, wnid in enumerate(("n02", "n01")):
        Image.new("RGB", (64, 64)).save(base / "val" / "images" / f"val_{number}.JPEG")
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t62\t62\n")
    (base / "val" / "val_annotations.txt").write_text("".join(lines))
    return tmp_path


@pytest.mark.parametrize("size", [64, 32])
def test_tiny_imagenet_is_read_from_its_own_layout(tiny: Path, size: int) -> None:
    data = load(f"tiny_imagenet:{size}", tiny)
    assert data.train_images.shape == (6, 3, size, size)
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test_labels.tolist() == [1, 0]
    assert data.class_names == ("goldfish", "n02")
    assert data.train_images[4, :, 5, 5].tolist() == [100, 100, 100]
    assert data.augment == f"crop(padding={size // 8}, flip=True)"
    assert load(f"tiny_imagenet:{size}", tiny / "tiny-imagenet-200").digest() == data.digest()


def test_tiny_imagenets_order_is_that_of_torchvisions_folders(tiny: Path) -> None:
    base = tiny / "tiny-imagenet-200"
    reference = torchvision.datasets.ImageFolder(str(base / "train"))
    data = load("tiny_imagenet", tiny)
    assert data.train_labels.tolist() == reference.targets
    for position, (image, _) in enumerate(reference):
        assert np.array_equal(np.asarray(image).transpose(2, 0, 1), data.train_images[position])


def test_a_rearranged_validation_folder_will_do(tiny: Path) -> None:
    val = tiny / "tiny-imagenet-200" / "val"
    for number, wnid in enumerate(("n02", "n01")):
        (val / wnid).mkdir()
        shutil.move(val / "images" / f"val_{number}.JPEG", val / wnid)
    (val / "val_annotations.txt").unlink()
    assert load("tiny_imagenet", tiny).test_labels.tolist() == [0, 1]


def test_what_is_wrong_with_a_tiny_imagenet_is_named(tiny: Path) -> None:
    base = tiny / "tiny-imagenet-200"
    (base / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn09\t0\t0\t62\t62\n")
    with pytest.raises(ValueError, match=r"line 1 of .*val_annotations.txt' must be .*'val_0.JPEG\\tn09"):
        load("tiny_imagenet", tiny)
    (base / "val" / "val_annotations.txt").write_text("val_9.JPEG\tn01\t0\t0\t62\t62\n")
    with pytest.raises(ValueError, match=r"val_9.JPEG' cannot be read as an image"):
        load("tiny_imagenet", tiny)
    (base / "val" / "val_annotations.txt").unlink()
    with pytest.raises(ValueError, match=r"val' must hold val_annotations.txt, or a folder per class"):
        load("tiny_imagenet", tiny)
    (base / "wnids.txt").write_text("n01\nn02\nn05\n")
    with pytest.raises(ValueError, match=r"n05' holds no images, though wnids.txt lists n05"):
        load("tiny_imagenet", tiny)


def test_no_other_size_is_offered() -> None:
    with pytest.raises(ValueError, match="size must be one of 64, 32, got 48"):
        DATA_SETS.parse("tiny_imagenet:48")


@pytest.mark.skipif(not (OFFICIAL / "tiny-imagenet-200" / "wnids.txt").is_file(), reason="TinyImageNet is not in NOISYLAB_DATA")
def test_the_real_tiny_imagenet() -> None:
    data = load("tiny_imagenet:32", OFFICIAL)
    assert data.num_classes >= 20
    assert data.shape == (3, 32, 32)
    assert np.ptp(np.bincount(data.train_labels)) == 0
    assert "goldfish" in data.class_names


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ("mnist", "MNIST/raw"),
        ("fashion_mnist", "FashionMNIST/raw"),
        ("svhn", "train_32x32.mat"),
        ("cifar10", "cifar-10-batches-py"),
        ("cifar100", "cifar-100-python"),
    ],
)
def test_the_statistics_are_those_of_the_real_training_images(spec: str, place: str) -> None:
    if not (OFFICIAL / place).exists():
        pytest.skip(f"{spec} is not in NOISYLAB_DATA")
    data = load(spec, OFFICIAL)
    mean, std = channel_statistics(data.train_images)
    assert (data.mean, data.std) == (pytest.approx(mean, abs=1e-4), pytest.approx(std, abs=1e-4))


def write_cifar100(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files as CIFAR's page describes them, with random images of every fine class."""
    folder = root / "cifar-100-python"
    folder.mkdir()
    for part, count in (("train", 300), ("test", 100)):
        images = RNG.integers(0, 256, (count, 3072), dtype=np.uint8)
        (folder / part).write_bytes(pickle.dumps({"data": images, "fine_labels": [i % 100 for i in range(count)]}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"fine {i}" for i in range(100)]}))
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)


def test_cifar100_has_fine_and_coarse_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar100(tmp_path, monkeypatch)
    fine, coarse = load("cifar100", tmp_path), load("cifar100:coarse", tmp_path)
    assert (fine.num_classes, coarse.num_classes) == (100, 20)
    assert fine.fine_labels is None
    # apple, aquarium_fish, baby, bear and beaver are fruit, fish, people, large carnivores and aquatic mammals.
    first = [coarse.class_names[label] for label in coarse.train_labels[:5]]
    assert first == ["fruit_and_vegetables", "fish", "people", "large_carnivores", "aquatic_mammals"]
    assert coarse.fine_labels is not None
    assert np.array_equal(coarse.fine_labels, fine.train_labels)
    assert np.array_equal(coarse.test_images, fine.test_images)
    assert coarse.digest() != fine.digest()


def test_fine_labels_go_with_their_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar100(tmp_path, monkeypatch)
    data = load("cifar100:coarse", tmp_path)
    part = data.subset(80)
    assert part.fine_labels is not None
    assert np.array_equal(CIFAR100_SUPERCLASS[part.fine_labels], part.train_labels)
    part.save(tmp_path)
    again = ImageData.open(tmp_path)
    assert again.fine_labels is not None
    assert np.array_equal(again.fine_labels, part.fine_labels)
    assert again.digest() == part.digest() != dataclasses.replace(part, fine_labels=None).digest()
    noisy = NOISES.create(NOISES.parse("subclass:0.1"), **part.noise_inputs, seed=0)
    lowest = np.array([part.fine_labels[part.train_labels == c].min() for c in range(20)])
    assert noisy.mislabelled.sum() == 8
    assert np.array_equal(part.fine_labels[noisy.mislabelled], lowest[noisy.true[noisy.mislabelled]])


def test_packed_idx_files_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "MNIST" / "raw"
    for part in ("train", "t10k"):
        write_idx(raw, part, np.zeros((10, 28, 28), dtype=np.uint8), np.arange(10))

    def unpack(_: str, download_root: str, filename: str, md5: str) -> None:
        packed = Path(download_root) / filename
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))

    for file in list(raw.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", unpack)
    assert len(load("mnist", tmp_path).train_labels) == 10
