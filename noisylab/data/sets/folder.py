"""Any data set in folders of images, one folder per class."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from noisylab.core.checks import FolderText, PositiveInt
from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import SAMPLED, ImageData, channel_statistics
from noisylab.data.image_files import EXTENSIONS, GREY, UNREADABLE, Mode, read_images
from noisylab.data.streaming import Images, StreamedImages


@DATA_SETS.register("folder", main="path")
def folder(
    path: FolderText,
    size: PositiveInt | None = None,
    crop: bool = False,
    stream: bool = False,
    *,
    root: Path | None = None,  # noqa: ARG001
) -> ImageData:
    """PATH/train/CLASS/* and PATH/test/CLASS/* (or val/), as for torchvision's ImageFolder.

    size: resize all images to a square, by stretching or, with `crop`, by cutting out the middle. stream: leave images in their
    files and read them for every batch, for data sets larger than memory; needs size. Raises ValueError naming what is wrong.
    """
    base = Path(path)
    train = base / "train"
    test = next((base / part for part in ("test", "val") if (base / part).is_dir()), None)
    if not train.is_dir() or test is None:
        raise ValueError(f"data set folder: {path!r} must hold a folder train and a folder test or val")
    if size is None and (crop or stream):
        raise ValueError(f"data set folder: {'stream' if stream else 'crop'} needs a size for all images, as in size=224")
    names = tuple(sorted(entry.name for entry in train.iterdir() if _is_class(entry)))
    files = {part: _files(part, names) for part in (train, test)}
    every = [file for part in files.values() for file in part[0]]
    grey = all(_is_grey(file) for file in (every[:: -(-len(every) // SAMPLED)] if stream else every))
    mode: Mode = "L" if grey else "RGB"
    with Image.open(files[train][0][0]) as first:
        wanted = (size, size) if size else first.size
    images: dict[Path, Images] = {
        part: _streamed(part, files[part][0], wanted, mode, crop=crop)
        if stream
        else read_images(files[part][0], wanted, mode, "folder", resize=size is not None, crop=crop)
        for part in files
    }
    mean, std = channel_statistics(images[train])
    return ImageData(
        train_images=images[train],
        train_labels=files[train][1],
        train_ids=np.arange(len(files[train][1])),
        test_images=images[test],
        test_labels=files[test][1],
        class_names=names,
        mean=mean,
        std=std,
        # Mirroring might change the class.
        augment=f"crop(padding={max(wanted[1] // 8, 1)}, flip=False)",
    )


def _streamed(part: Path, files: list[Path], size: tuple[int, int], mode: Mode, *, crop: bool) -> StreamedImages:
    names = np.array([str(file.relative_to(part)).encode() for file in files])
    return StreamedImages(str(part.absolute()), names, size, mode, crop)


def _files(part: Path, names: tuple[str, ...]) -> tuple[list[Path], NDArray[np.int64]]:
    """The image files below a folder of class folders, in order, and their labels."""
    unknown = [entry.name for entry in part.iterdir() if _is_class(entry) and entry.name not in names]
    if unknown:
        raise ValueError(f"data set folder: {str(part)!r} has the class {unknown[0]!r}, which train/ lacks")
    pairs = [
        (file, label)
        for label, name in enumerate(names)
        for file in sorted((part / name).rglob("*"))
        if file.suffix.lower() in EXTENSIONS and not any(name.startswith(".") for name in file.relative_to(part).parts)
    ]
    empty = sorted(set(range(len(names))) - {label for _, label in pairs})
    if pairs and part.name == "train" and empty:
        raise ValueError(f"data set folder: {str(part / names[empty[0]])!r} holds no images")
    if not pairs:
        raise ValueError(f"data set folder: {str(part)!r} holds no images in class folders")
    return [file for file, _ in pairs], np.array([label for _, label in pairs], dtype=np.int64)


def _is_class(entry: Path) -> bool:
    # Hidden folders belong to other programs (.ipynb_checkpoints).
    return entry.is_dir() and not entry.name.startswith(".")


def _is_grey(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return image.mode in GREY
    except UNREADABLE as error:
        raise ValueError(f"data set folder: {str(file)!r} cannot be read as an image: {error}") from error
