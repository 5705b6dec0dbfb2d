"""Image files to uint8 arrays, for data sets in folders or in tables of other libraries."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EXTENSIONS = frozenset(Image.registered_extensions())
GREY = ("1", "L", "I;16")
# The errors of Pillow for damaged files of any format.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)

Mode = Literal["L", "RGB"]


class UnreadableError(ValueError):
    """An image file cannot be used."""


def read_images(
    files: Sequence[Path], size: tuple[int, int], mode: Mode, source: str, *, resize: bool, crop: bool = False
) -> NDArray[np.uint8]:
    """uint8[N, C, H, W] of all files (see `read_image`)."""
    images = np.empty((len(files), len(mode), size[1], size[0]), dtype=np.uint8)
    for position, file in enumerate(files):
        images[position] = read_image(file, size, mode, source, resize=resize, crop=crop)
    return images


def read_image(
    file: Path, size: tuple[int, int], mode: Mode, source: str, *, resize: bool, crop: bool = False
) -> NDArray[np.uint8]:
    """uint8[C, H, W]; size: width and height; source: the data set, for errors; resize, crop: see `fit`.

    Raises ValueError if a file is not an image, or has another size without `resize`.
    """
    image = _opened(file, mode, source)
    return _channels_first(fit(image, size, f"data set {source}: {str(file)!r}", resize=resize, crop=crop))


def pixels_of(file: Path, mode: Mode, source: str) -> NDArray[np.uint8]:
    """uint8[C, h, w] at the size of the file. Raises ValueError if it is not an image."""
    return _channels_first(np.asarray(_opened(file, mode, source)))


def _opened(file: Path, mode: Mode, source: str) -> Image.Image:
    try:
        with Image.open(file) as image:
            coloured = mode == "L" and image.mode not in GREY
            pixels = convert(image, mode)
    except UNREADABLE as error:
        raise UnreadableError(f"data set {source}: {str(file)!r} cannot be read as an image: {error}") from error
    if coloured:
        raise UnreadableError(f"data set {source}: {str(file)!r} is in colour, but others are grey")
    return pixels


def _channels_first(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # Always a copy, because Pillow's array is read-only.
    return np.array(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1), order="C")


def convert(image: Image.Image, mode: Mode) -> Image.Image:
    """The image in 8 bits per channel, grey or in colour."""
    # Pillow clips 16 bits instead of scaling them.
    wide = image.mode == "I;16"
    return (Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if wide else image).convert(mode)


def fit(image: Image.Image, size: tuple[int, int], where: str, *, resize: bool, crop: bool = False) -> NDArray[np.uint8]:
    """uint8[H, W] or uint8[H, W, 3] of `size` (width, height), by bilinear interpolation if `resize`.

    crop: resize the largest central part with the shape of `size`, instead of stretching the whole. Raises ValueError naming
    `where` if the image has another size and `resize` is False.
    """
    if resize and image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR, box=_middle(image.size, size) if crop else None)
    if image.size != size:
        raise ValueError(
            f"{where} is {image.size[0]}x{image.size[1]} pixels, others are {size[0]}x{size[1]}; "
            f"give one size to all with the option size, as in size=32"
        )
    return np.asarray(image)


def _middle(have: tuple[int, int], want: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest central box with the shape of `want`: left, top, right, bottom."""
    scale = min(have[0] / want[0], have[1] / want[1])
    width, height = scale * want[0], scale * want[1]
    left, top = (have[0] - width) / 2, (have[1] - height) / 2
    return left, top, left + width, top + height
