"""Image files to uint8 arrays, for the data sets that lie in folders or in other libraries' tables."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EXTENSIONS = frozenset(Image.registered_extensions())
GREY = ("1", "L", "I;16")
# What Pillow raises for damaged files of one format or another.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)

Mode = Literal["L", "RGB"]


def read_images(files: Sequence[Path], size: tuple[int, int], mode: Mode, source: str, *, resize: bool) -> NDArray[np.uint8]:
    """uint8[N, C, H, W] of all files; size: width and height; source: the data set, for errors.

    Raises ValueError for a file that is no image, and for one of another size unless `resize`.
    """
    images = np.empty((len(files), size[1], size[0], len(mode)), dtype=np.uint8)
    for position, file in enumerate(files):
        try:
            with Image.open(file) as image:
                pixels = convert(image, mode)
        except UNREADABLE as error:
            raise ValueError(f"data set {source}: {str(file)!r} cannot be read as an image: {error}") from error
        images[position] = fit(pixels, size, f"data set {source}: {str(file)!r}", resize=resize).reshape(images.shape[1:])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def convert(image: Image.Image, mode: Mode) -> Image.Image:
    """The image in 8 bits per channel, grey or in colour."""
    # Pillow clips 16 bits where it should scale them.
    wide = image.mode == "I;16"
    return (Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if wide else image).convert(mode)


def fit(image: Image.Image, size: tuple[int, int], where: str, *, resize: bool) -> NDArray[np.uint8]:
    """uint8[H, W] or uint8[H, W, 3] of `size` (width, height), by bilinear interpolation where `resize`.

    Raises ValueError naming `where` for an image of another size unless `resize`.
    """
    if resize and image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    if image.size != size:
        raise ValueError(
            f"{where} is {image.size[0]}x{image.size[1]} pixels, others are {size[0]}x{size[1]}; "
            f"give one size to all with the option size, as in size=32"
        )
    return np.asarray(image)
