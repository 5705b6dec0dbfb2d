"""Any image classification data set of HuggingFace (optional: pip install 'noisylab[hf]')."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import HubText, NotIdentity, PositiveInt
from noisylab.core.registries import DATA_SETS
from noisylab.data.class_labels import Labels, numbered_classes
from noisylab.data.download import DEFAULT_ROOT
from noisylab.data.image_data import ImageData
from noisylab.data.image_files import Reading, common_mode
from noisylab.data.own_data import own_data

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
    # The digest of the data stands for it.
    value_range: Annotated[tuple[float, ...] | None, NotIdentity()] = None,
    *,
    root: Path | None = None,
) -> ImageData:
    """Any HuggingFace data set of images with one label (extra: hf), as in hf:cifar10; size resizes all to a square.

    Read from ROOT/NAME if `save_to_disk` put it there, else from the hub or its cache; NAME may also be a local folder. train,
    test: splits (test: the first of test, validation, valid, val). image, label: columns, if they are not the only ones of
    their kind. value_range: as for `folder`. Raises ValueError if the library is missing, the data set cannot be read, or
    splits, columns, labels or images do not fit.
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
    labels, names = numbered_classes(
        *(_labels(f"{where}: {label} of {split}", splits[split], label) for split in chosen.values())
    )
    contents = (each for part in parts for each in _contents(where, part, image))
    mode = common_mode(contents, f"hf:{name}", value_range)
    # A data set may itself say what it shows its images as.
    mode = features[image].mode if features[image].mode in ("L", "RGB") else mode
    square = (size, size) if size else None
    reading = Reading(f"hf:{name}", mode, square, size is not None, value_range=value_range)
    images = [_images(where, part, image, reading) for part in parts]
    if images[0].shape[1:] != images[1].shape[1:]:
        raise ValueError(f"{where}: training and test images differ in shape: {[part.shape for part in images]}; give size=")
    return own_data(images, labels, names, source=f"hf:{name}", train_names=_file_names(parts[0], image))


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
    saved = [place for place in (root / name, Path(name)) if (place / "dataset_dict.json").is_file()]
    if not saved and (root / "dataset_dict.json").is_file():
        raise ValueError(
            f"the data root {str(root)!r} is itself a data set, and {where} is looked for in it as {name!r}; "
            f"name its parent {str(root.absolute().parent)!r} with --data-root (in Python: data_root=)"
        )
    try:
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


def _labels(place: str, part: Any, label: str) -> Labels:
    if label not in part.features:
        raise ValueError(f"{place}: there is no such column; it has {', '.join(part.features)}")
    feature = part.features[label]
    # Indexing a column that datasets does not decode at once gives a view.
    return Labels(place, list(part[label]), feature.names if _is_label(feature) else None)


def _contents(where: str, part: Any, column: str) -> Iterator[tuple[str, Path | bytes]]:
    """The files of a column of images, each with a name for messages."""
    if not _is_image(part.features[column]):
        got = type(part[0][column]).__name__
        raise ValueError(f"{where}: {column} must hold images, got {got}; give image= another column")
    files = _undecoded(part, column)
    for number in range(len(files)):
        held = files[number][column]
        if held is None:
            raise ValueError(f"{where}: image {number} is missing")
        path, content = held["path"], held["bytes"]
        yield f"image {number}{f' ({path!r})' if path else ''}", Path(path) if content is None else content


def _undecoded(part: Any, column: str) -> Any:
    """The column with paths and bytes instead of images: the library decodes files in its own way."""
    return part.select_columns([column]).cast_column(column, _datasets().Image(decode=False))


def _file_names(part: Any, column: str) -> NDArray[np.str_] | None:
    """The files of a column, relative to the folder that holds them all, if every one has a name of its own."""
    files = _undecoded(part, column)
    paths = [files[number][column]["path"] for number in range(len(files))]
    if not all(paths) or len(set(paths)) < len(paths):
        return None
    if all(Path(path).is_absolute() for path in paths):
        base = os.path.commonpath([str(Path(path).parent) for path in paths])
        paths = [Path(path).relative_to(base).as_posix() for path in paths]
    return np.array(paths)


def _images(where: str, part: Any, column: str, reading: Reading) -> NDArray[np.uint8]:
    """uint8[N, C, H, W]; without a size, all must have that of the first."""
    pixels: list[NDArray[np.uint8]] = []
    for name, content in _contents(where, part, column):
        pixels.append(reading.image(content, name))
        reading = replace(reading, size=reading.size or (pixels[0].shape[2], pixels[0].shape[1]))
    return np.stack(pixels)
