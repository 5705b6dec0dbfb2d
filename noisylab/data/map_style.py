"""Any map-style data sets of images as `ImageData`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from noisylab.corruption.sample_format import as_label, check_map_style, row_keys, split_row
from noisylab.corruption.wrapping import MapStyle
from noisylab.data.class_labels import Labels, numbered_classes
from noisylab.data.image_data import ImageData
from noisylab.data.image_files import GREY, UnreadableError, convert
from noisylab.data.own_data import own_data

_SCALE = "scale them to 0 to 255, as uint8, in the data set's transform"


def from_datasets(train: MapStyle, test: MapStyle, *, class_names: Sequence[str] | None = None) -> ImageData:
    """The images and labels of two map-style data sets, such as torchvision's, in memory.

    Args:
        train: The training set, rows (image, label). A label is a number, or the name of a class. An image is a PIL image, an
            array or tensor uint8[H, W], [C, H, W] or [H, W, C], or floats in [0, 1] that 8 bits can hold, as from torchvision's
            ToTensor. It must not be augmented or normalised, since noisylab does that.
        test: The same for testing.
        class_names: Names of the labels 0 to K - 1, also of labels that no sample has. By default `classes` of the data sets;
            else the classes are the labels that occur, in the order of numbers or names.

    Returns:
        The data, with the mean and deviation of the training images, and crops of an eighth of their height.

    Raises:
        ValueError: For images of several shapes, or that 8 bits cannot hold, and for labels that are neither whole numbers nor
            names, or are classes that only the test set has.

    Example:
        >>> import numpy as np
        >>> from noisylab.data import from_datasets
        >>> rows = [(np.eye(8, dtype=np.uint8) * 255, 0), (np.arange(64, dtype=np.uint8).reshape(8, 8) * 4, 1)]
        >>> from_datasets(rows, rows).shape
        (1, 8, 8)
    """
    images, held = zip(*(_read(data, name) for data, name in ((train, "training"), (test, "test"))), strict=True)
    if images[0].shape[1:] != images[1].shape[1:]:
        raise ValueError(f"training and test images must have one shape, got {images[0].shape[1:]} and {images[1].shape[1:]}")
    stated = [_stated(data) for data in (train, test)] if class_names is None else [class_names] * 2
    places = "the training set", "the test set"
    found = [Labels(p, np.array(h, dtype=object), s) for p, h, s in zip(places, held, stated, strict=True)]
    return own_data(images, *numbered_classes(*found), source="given as an object", way_out=_SCALE)


def _stated(data: MapStyle) -> Sequence[Any] | None:
    """The names of the classes 0 to K - 1, if a data set has them: `classes`, or the feature of HuggingFace's label column."""
    names = getattr(data, "classes", None)
    if isinstance(features := getattr(data, "features", None), Mapping):
        names = getattr(features[row_keys(features)[0]], "names", None)
    return names if isinstance(names, list | tuple) and names else None


def _read(data: MapStyle, name: str) -> tuple[NDArray[np.uint8], list[int | str | bool]]:
    check_map_style(data, "give list(data) if its samples fit in memory")
    if not len(data):
        raise ValueError(f"the {name} set has no samples")
    images: list[NDArray[np.uint8]] = []
    labels: list[int | str | bool] = []
    for position in range(len(data)):
        image, label = split_row(data[position])
        images.append(_pixels(image, f"the {name} set's image {position}"))
        labels.append(label if isinstance(label, str | bool) else as_label(label))
        if images[-1].shape != images[0].shape:
            raise ValueError(f"the {name} set's images must have one shape, got {images[0].shape} and {images[-1].shape}")
    return np.stack(images), labels


def _pixels(image: Any, what: str) -> NDArray[np.uint8]:
    """uint8[C, H, W]."""
    if isinstance(image, Image.Image):
        try:
            image = convert(image, "L" if image.mode in GREY else "RGB", state_range=_SCALE)
        except UnreadableError as error:
            raise ValueError(f"{what} {error}") from error
    pixels = np.asarray(image)
    if not pixels.size:
        raise ValueError(f"{what} has no pixels: {list(pixels.shape)}")
    if pixels.dtype.kind == "f":
        if pixels.max() > 1 and (pixels == pixels.round()).all():
            raise ValueError(
                f"{what} must be floats in [0, 1], got {pixels.min():g} to {pixels.max():g}; "
                "whole numbers from 0 to 255 must be uint8"
            )
        scaled = pixels * 255
        if not (scaled.min() >= 0 and scaled.max() <= 255.5 and np.abs(scaled - scaled.round()).max() < 0.01):
            raise ValueError(
                f"{what} has floats from {pixels.min():g} to {pixels.max():g} that 8 bits cannot hold; take the data set "
                "without normalisation and augmentation"
            )
        pixels = scaled.round().astype(np.uint8)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise ValueError(f"{what} must be uint8 [H, W], [C, H, W] or [H, W, C], got {pixels.dtype} {list(pixels.shape)}")
    if pixels.ndim == 2:
        return pixels[None]
    first, last = _could_be_first(pixels.shape), _could_be_first(pixels.shape[::-1])
    if first == last:
        raise ValueError(f"{what} has the shape {list(pixels.shape)}; are the channels first or last?")
    return pixels if first else pixels.transpose(2, 0, 1)


def _could_be_first(shape: tuple[int, ...]) -> bool:
    """Whether the first of three sizes is that of the channels: 1 or 3, or else the one that differs from two equal ones."""
    plain = shape[0] in (1, 3), shape[-1] in (1, 3)
    return plain[0] and not plain[1] if any(plain) else shape[1] == shape[2] != shape[0]
