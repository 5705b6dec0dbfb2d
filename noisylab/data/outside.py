"""Images of another data set, for open-set noise, in the layout of ours."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption.validation import read_array


def read_outside(path: str | Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The images uint8[M, C, H, W] in a `.npy` file, for a data set whose images have this shape (C, H, W).

    They may lie in it as [M, C, H, W], as [M, H, W, C], or, where C is 1, as [M, H, W]; what could be either of the first two
    is the first. Raises ValueError naming the file and what was expected for anything else.
    """
    images = read_array(path, "outside")
    channels, height, width = shape
    accepted = {(channels, height, width): (0, 1, 2, 3)} if images.ndim == 4 else {}
    if images.ndim == 4:
        accepted.setdefault((height, width, channels), (0, 3, 1, 2))
    if images.dtype == np.uint8 and images.ndim == 3 and channels == 1 and images.shape[1:] == (height, width):
        return np.ascontiguousarray(images[:, None])
    if images.dtype != np.uint8 or images.shape[1:] not in accepted or not len(images):
        grey = f" or [M, {height}, {width}]" if channels == 1 else ""
        raise ValueError(
            f"outside {str(path)!r} must hold images as uint8 [M, {channels}, {height}, {width}] (channels first), "
            f"[M, {height}, {width}, {channels}]{grey}, got {images.dtype} {list(images.shape)}"
        )
    return np.ascontiguousarray(images.transpose(accepted[images.shape[1:]]))
