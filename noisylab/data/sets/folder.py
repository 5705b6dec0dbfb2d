"""Any data set in folders of images, one folder per class."""

import os
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import FolderText, NotIdentity, PositiveInt
from noisylab.core.registries import DATA_SETS
from noisylab.corruption.class_numbers import class_order
from noisylab.data.found_files import Found
from noisylab.data.image_data import SAMPLED, ImageData
from noisylab.data.image_files import Reading, check_range, common_mode
from noisylab.data.own_data import own_data
from noisylab.data.streaming import Images, StreamedImages


@DATA_SETS.register("folder", main="path")
def folder(
    path: FolderText,
    size: PositiveInt | None = None,
    crop: bool = False,
    stream: bool = False,
    # The digest of the data stands for it.
    value_range: Annotated[tuple[float, ...] | None, NotIdentity()] = None,
    *,
    root: Path | None = None,  # noqa: ARG001
) -> ImageData:
    """PATH/train/CLASS/* and PATH/test/CLASS/* (or val/), as for torchvision's ImageFolder.

    Classes are in the order of their names, or of numbers if all names are numbers (2 before 10; ImageFolder: 10 before 2).
    size: resize all images to a square, by stretching or, with `crop`, by cutting out the middle. stream: leave images in their
    files and read them for every batch, for data sets larger than memory; needs size. value_range: the numbers in grey files
    that become black and white, as in (0, 4095); 32-bit integers and floats need it, since they have no range of their own.
    Raises ValueError naming what is wrong; warns of files that are passed over.
    """
    base = Path(path)
    train = base / "train"
    tests = [base / part for part in ("test", "val") if (base / part).is_dir()]
    test = tests[0] if tests else None
    if not train.is_dir() or test is None:
        raise ValueError(f"data set folder: {path!r} must hold a folder train and a folder test or val")
    if size is None and (crop or stream):
        raise ValueError(f"data set folder: {'stream' if stream else 'crop'} needs a size for all images, as in size=224")
    if len(tests) > 1:
        warnings.warn(f"data set folder: {str(base)!r} has test and val; test is used, and val is left out", stacklevel=2)
    check_range(value_range)
    found = Found("folder")
    names = class_order(entry.name for entry in found.folders(train))
    files = {part: _files(found, part, names) for part in (train, test)}
    found.tell(base)
    every = [file for part in files.values() for file in part[0]]
    looked_at = every[:: -(-len(every) // SAMPLED)] if stream else every
    mode = common_mode(((repr(str(file)), file) for file in looked_at), "folder", value_range)
    first = files[train][0][0]
    own = Reading("folder", mode, value_range=value_range).image(first, repr(str(first))).shape
    wanted = (size, size) if size else (own[2], own[1])
    reading = Reading("folder", mode, wanted, size is not None, crop, value_range)
    images: dict[Path, Images] = {
        part: _streamed(part, chosen, reading) if stream else reading.images(chosen) for part, (chosen, _) in files.items()
    }
    return own_data(
        [images[part] for part in (train, test)],
        [files[part][1] for part in (train, test)],
        names,
        source="folder",
        train_names=np.array([file.relative_to(train).as_posix() for file in files[train][0]]),
    )


def _streamed(part: Path, files: list[Path], reading: Reading) -> StreamedImages:
    assert reading.size is not None
    names = np.array([os.fsencode(file.relative_to(part)) for file in files])
    return StreamedImages(
        str(part.absolute()), names, reading.size, reading.mode, reading.crop, value_range=reading.value_range
    )


def _files(found: Found, part: Path, names: tuple[str, ...]) -> tuple[list[Path], NDArray[np.int64]]:
    """The image files below a folder of class folders, in order, and their labels."""
    unknown = [] if part.name == "train" else [entry.name for entry in found.folders(part) if entry.name not in names]
    if unknown:
        raise ValueError(f"data set folder: {str(part)!r} has the class {unknown[0]!r}, which train/ lacks")
    pairs = [(file, label) for label, name in enumerate(names) if (part / name).is_dir() for file in found.images(part / name)]
    empty = sorted(set(range(len(names))) - {label for _, label in pairs})
    if pairs and part.name == "train" and empty:
        raise ValueError(f"data set folder: {str(part / names[empty[0]])!r} holds no images")
    if not pairs:
        raise ValueError(f"data set folder: {str(part)!r} holds no images in class folders")
    return [file for file, _ in pairs], np.array([label for _, label in pairs], dtype=np.int64)
