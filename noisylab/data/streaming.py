"""Images that stay in their files, for data sets larger than memory."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from noisylab.data.image_files import Mode, Range, Reading


@dataclass(frozen=True, eq=False)
class StreamedImages:
    """Like an array uint8[N, C, H, W], but every image is read from its file when it is needed.

    folder, files: a folder, and the paths below it as bytes[N]. size: width and height to which all images are resized, by
    stretching or, with `crop`, by cutting out the middle. workers: processes that read batches ahead (None: one per core, at
    most 8). value_range: see `image_files.Reading`.
    """

    folder: str
    files: NDArray[np.bytes_]
    size: tuple[int, int]
    mode: Mode
    crop: bool = False
    workers: int | None = None
    value_range: Range | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, channels, height, width."""
        return len(self.files), len(self.mode), self.size[1], self.size[0]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: int | slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8[C, H, W], or uint8[B, C, H, W] of several. Raises ValueError naming a file that cannot be read."""
        if isinstance(key, slice | np.ndarray):
            chosen = np.arange(len(self))[key]
            images = [self[index] for index in chosen.tolist()]
            return np.stack(images) if images else np.empty((0, *self.shape[1:]), dtype=np.uint8)
        return self._read(key, self.size)

    def as_it_is(self, index: int) -> NDArray[np.uint8]:
        """uint8[C, h, w] at the size of the file. Raises ValueError naming a file that cannot be read."""
        return self._read(index, None)

    def _read(self, index: int, size: tuple[int, int] | None) -> NDArray[np.uint8]:
        reading = Reading("folder", self.mode, size, resize=True, crop=self.crop, value_range=self.value_range)
        return reading.image(self.path(index), repr(str(self.path(index))))

    def path(self, index: int) -> Path:
        """The file of an image."""
        return Path(self.folder, os.fsdecode(self.files[index]))

    def take(self, chosen: NDArray[np.int64], axis: int = 0) -> "StreamedImages":
        """Only these images, like `numpy.ndarray.take`."""
        return replace(self, files=self.files.take(chosen, axis=axis))

    def fingerprint(self) -> bytes:
        """SHA-256 of the files' paths and lengths and of how they are read. It does not read the pixels."""
        stated = () if self.value_range is None else tuple(map(float, self.value_range))
        total = hashlib.sha256(repr((self.shape, self.crop, *stated)).encode())
        for index, name in enumerate(self.files):
            total.update(name + f"\0{self.path(index).stat().st_size}\0".encode())
        return total.digest()


Images: TypeAlias = NDArray[np.uint8] | StreamedImages
