"""Any image classification data set of HuggingFace (optional: pip install 'noisylab[hf]')."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import HubText, PositiveInt
from noisylab.core.registries import DATA_SETS
from noisylab.corruption.validation import number_labels
from noisylab.data.download import DEFAULT_ROOT
from noisylab.data.image_data import ImageData
from noisylab.data.map_style import image_data

TEST_SPLITS = ("test", "validation", "valid", "val")


@DATA_SETS.register("hf", main="name")
def hf(
    name: HubText,
    config: str | None = None,
    train: str = "train",
    test: str | None = None,
    image: str | None = None,
    label: str | None = None,
    size: PositiveInt | None = None,
    *,
    root: Path | None = None,
) -> ImageData:
    """Any HuggingFace data set of images with one label (extra: hf), as in hf:cifar10; size resizes all to a square.

    Read from ROOT/NAME if `save_to_disk` put it there, else from the hub or its cache; NAME may also be a local folder. train,
    test: splits (test: the first of test, validation, valid, val). image, label: columns, if they are not the only ones of
    their kind. Raises ValueError if the library is missing, the data set cannot be read, or splits, columns, labels or images
    do not fit.
    """
    where = f"data set hf:{name}"
    splits = _load(where, name, config, root or DEFAULT_ROOT)
    chosen = {"train": train, "test": test or next((split for split in TEST_SPLITS if split in splits), "test")}
    for option, split in chosen.items():
        if split not in splits:
            raise ValueError(f"{where} has no split {split!r}; give {option}= one of {', '.join(splits)}")
    parts = [splits[split] for split in chosen.values()]
    features = parts[0].features
    image = _column(where, "image", image, features, _is_image)
    label = _column(where, "label", label, features, _is_label)
    names, labels = _labels(f"{where}: {label}", features[label], [part[label] for part in parts])
    images = [_images(where, part.select_columns([image]), image, size) for part in parts]
    channels = max(part.shape[1] for part in images)
    images = [np.repeat(part, channels, axis=1) if part.shape[1] < channels else part for part in images]
    if images[0].shape[1:] != images[1].shape[1:]:
        raise ValueError(f"{where}: training and test images differ in shape: {[part.shape for part in images]}; give size=")
    return image_data(images, labels, names)


def _datasets() -> ModuleType:
    try:
        import datasets
    except ImportError as error:
        raise ValueError(f"data sets hf:NAME need datasets ({error}); pip install 'noisylab[hf]'") from error
    module: ModuleType = datasets
    return module


def _load(where: str, name: str, config: str | None, root: Path) -> Mapping[str, Any]:
    """The splits of the data set by name."""
    datasets = _datasets()
    try:
        saved = [place for place in (root / name, Path(name)) if (place / "dataset_dict.json").is_file()]
        splits: Mapping[str, Any] = datasets.load_from_disk(str(saved[0])) if saved else datasets.load_dataset(name, config)
    except Exception as error:  # the library has no common base class
        asked = repr(name) if config is None else f"{name!r}, {config!r}"
        raise ValueError(
            f"{where} is neither in {str(root / name)!r} nor can it be loaded ({type(error).__name__}: {error}); "
            f"on a machine with a network, run datasets.load_dataset({asked}).save_to_disk({str(root / name)!r}) "
            "and copy that folder here, or name the folder that holds it with --data-root"
        ) from error
    return splits


def _is_image(feature: Any) -> bool:
    return type(feature).__name__ == "Image"


def _is_label(feature: Any) -> bool:
    return type(feature).__name__ == "ClassLabel"


def _column(where: str, option: str, given: str | None, features: Mapping[str, Any], suits: Callable[[Any], bool]) -> str:
    """The column to use: the given one, else the only one that fits, else the one named like the option."""
    if given is not None and given in features:
        return given
    found = [key for key, feature in features.items() if suits(feature)]
    if given is None and len(found) == 1:
        return found[0]
    if given is None and option in features:
        return option
    wrong = f"no column {given!r}" if given is not None else f"{len(found) or 'no'} columns that could be the {option}"
    raise ValueError(f"{where} has {wrong}; give {option}= one of {', '.join(found or features)}")


def _labels(where: str, feature: Any, parts: list[Any]) -> tuple[tuple[str, ...], list[NDArray[np.int64]]]:
    """The class names, and int64[N] for training and testing; texts are numbered by sorted name."""
    arrays = [np.asarray(list(part)) for part in parts]
    if len({array.dtype.kind for array in arrays}) == 1 and (found := number_labels(np.concatenate(arrays)))[1] is not None:
        return found[1], np.split(found[0], [len(arrays[0])])
    for array in arrays:
        if array.dtype.kind not in "iu" or array.ndim != 1 or not len(array) or array.min() < 0:
            raise ValueError(f"{where} must be texts or whole numbers from 0, got {array.dtype} {list(array[:3])}")
    count = int(max(array.max() for array in arrays)) + 1
    names = tuple(feature.names) if _is_label(feature) else tuple(map(str, range(count)))
    return names, [array.astype(np.int64) for array in arrays]


def _images(where: str, rows: Any, column: str, size: int | None) -> NDArray[np.uint8]:
    """uint8[N, C, H, W], with one channel if all images are grey."""
    from PIL import Image

    from noisylab.data.image_files import GREY, UNREADABLE, convert, fit

    pixels: list[NDArray[np.uint8]] = []
    wanted = (size, size) if size else None
    for number in range(len(rows)):
        try:
            image = rows[number][column]
        except UNREADABLE as error:
            raise ValueError(f"{where}: image {number} cannot be read: {error}") from error
        if not isinstance(image, Image.Image):
            raise ValueError(f"{where}: {column} must hold images, got {type(image).__name__}; give image= another column")
        wanted = wanted or image.size
        converted = convert(image, "L" if image.mode in GREY else "RGB")
        array = fit(converted, wanted, f"{where}: image {number}", resize=size is not None)
        pixels.append(array if array.ndim == 3 else array[..., None])
    channels = max(array.shape[2] for array in pixels)
    stacked = np.stack([np.repeat(array, channels // array.shape[2], axis=2) for array in pixels])
    return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))
