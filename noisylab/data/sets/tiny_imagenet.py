"""TinyImageNet-200 (Le and Yang 2015), in its own folder layout; its validation images are the test set.

Mean and standard deviation are those of ImageNet, as in DLB's public code.
"""

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from noisylab.core.registries import DATA_SETS
from noisylab.data.download import DEFAULT_ROOT, download_or_explain
from noisylab.data.found_files import Found
from noisylab.data.image_data import ImageData
from noisylab.data.image_files import Reading

NAME = "tiny-imagenet-200"
URL = f"http://cs231n.stanford.edu/{NAME}.zip"
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"


@DATA_SETS.register("tiny_imagenet", main="size")
def tiny_imagenet(size: Literal[64, 32] = 64, *, root: Path | None = None) -> ImageData:
    """TinyImageNet: 100,000 + 10,000 colour images of 64x64 in 200 classes, or resized to the DLB paper's 32 (size=32).

    Read from ROOT/tiny-imagenet-200, or from ROOT itself if that holds wnids.txt; downloaded if it is missing. Classes and
    training samples are in the order of torchvision's ImageFolder. Raises ValueError naming what is missing.
    """
    folder = _folder(root or DEFAULT_ROOT)
    wnids = sorted((folder / "wnids.txt").read_text(encoding="utf-8").split())
    found = Found("tiny_imagenet")
    train = [(file, label) for label, wnid in enumerate(wnids) for file in _images_of(found, folder / "train" / wnid)]
    test = _test_images(found, folder / "val", wnids)
    found.tell(folder)
    reading = Reading("tiny_imagenet", "RGB", (size, size), resize=size != 64)
    arrays = [reading.images([file for file, _ in part]) for part in (train, test)]
    labels = [np.array([label for _, label in part], dtype=np.int64) for part in (train, test)]
    return ImageData(
        train_images=arrays[0],
        train_labels=labels[0],
        train_ids=np.arange(len(train)),
        test_images=arrays[1],
        test_labels=labels[1],
        class_names=_names(folder, wnids),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        augment=f"crop(padding={size // 8}, flip=True)",
        train_names=np.array([file.relative_to(folder / "train").as_posix() for file, _ in train]),
    )


def _folder(root: Path) -> Path:
    """The folder of the data set, downloaded if it is missing."""
    if (root / "wnids.txt").is_file():
        return root

    def download() -> Path:
        from torchvision.datasets.utils import download_and_extract_archive

        if not (root / NAME / "wnids.txt").is_file():
            download_and_extract_archive(URL, str(root), md5=MD5)
        return root / NAME

    return download_or_explain("TinyImageNet", root, NAME, download, f"unpack {NAME}.zip (MD5 {MD5}) in {str(root)!r}")


def _images_of(found: Found, folder: Path) -> list[Path]:
    """The images of one class, in order, from its folder or the folder images in it."""
    files = found.images(folder) if folder.is_dir() else []
    if not files:
        raise ValueError(f"data set tiny_imagenet: {str(folder)!r} holds no images, though wnids.txt lists {folder.name}")
    return files


def _test_images(found: Found, val: Path, wnids: list[str]) -> list[tuple[Path, int]]:
    """The validation images with their labels, from val_annotations.txt or, if rearranged, from a folder per class."""
    annotations = val / "val_annotations.txt"
    if not annotations.is_file():
        if not any((val / wnid).is_dir() for wnid in wnids):
            raise ValueError(f"data set tiny_imagenet: {str(val)!r} must hold val_annotations.txt, or a folder per class")
        return [(file, label) for label, wnid in enumerate(wnids) for file in _images_of(found, val / wnid)]
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    pairs = []
    for number, line in enumerate(annotations.read_text(encoding="utf-8").splitlines(), start=1):
        file, wnid, *_ = [*line.split("\t"), "", ""]
        if wnid not in labels:
            raise ValueError(
                f"data set tiny_imagenet: line {number} of {str(annotations)!r} must be FILE, a class of wnids.txt, "
                f"and a box, separated by tabs, got {line!r}"
            )
        pairs.append((val / "images" / file, labels[wnid]))
    if not pairs:
        raise ValueError(f"data set tiny_imagenet: {str(annotations)!r} is empty")
    found.taken += len(pairs)
    return pairs


def _names(folder: Path, wnids: list[str]) -> tuple[str, ...]:
    """The first word for each class in words.txt; its WordNet number if there is none, or if another class has it too."""
    words = folder / "words.txt"
    lines = words.read_text(encoding="utf-8").splitlines() if words.is_file() else []
    named = {wnid: meaning.split(",")[0].strip() for wnid, _, meaning in (line.partition("\t") for line in lines)}
    words_of = Counter(named.get(wnid) for wnid in wnids)
    return tuple(named[wnid] if named.get(wnid) and words_of[named[wnid]] == 1 else wnid for wnid in wnids)
