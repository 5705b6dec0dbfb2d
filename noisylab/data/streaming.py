"""Images that stay in their files, for data sets larger than memory."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from noisylab.data.image_files import Mode, pixels_of, read_image


@dataclass(frozen=True, eq=False)
class StreamedImages:
    """Like an array uint8[N, C, H, W], but every image is read from its file when it is needed.

    folder, files: a folder, and the paths below it as bytes[N]. size: width and height to which all images are resized, by
    stretching or, with `crop`, by cutting out the middle. workers: processes that read batches ahead (None: one per core, at
    most 8).
    """

    folder: str
    files: NDArray[np.bytes_]
    size: tuple[int, int]
    mode: Mode
    crop: bool = False
    workers: int | None = None

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
        return read_image(self.path(key), self.size, self.mode, "folder", resize=True, crop=self.crop)

    def as_it_is(self, index: int) -> NDArray[np.uint8]:
        """uint8[C, h, w] at the size of the file. Raises ValueError naming a file that cannot be read."""
        return pixels_of(self.path(index), self.mode, "folder")

    def path(self, index: int) -> Path:
        """The file of an image."""
        return Path(self.folder, str(self.files[index], "utf-8"))

    def take(self, chosen: NDArray[np.int64], axis: int = 0) -> "StreamedImages":
        """Only these images, like `numpy.ndarray.take`."""
        return replace(self, files=self.files.take(chosen, axis=axis))

    def fingerprint(self) -> bytes:
        """SHA-256 of the files' paths and lengths and of how they are read. It does not read the pixels."""
        total = hashlib.sha256(repr((self.shape, self.crop)).encode())
        for index, name in enumerate(self.files):
            total.update(name + f"\0{self.path(index).stat().st_size}\0".encode())
        return total.digest()


Images: TypeAlias = NDArray[np.uint8] | StreamedImages
