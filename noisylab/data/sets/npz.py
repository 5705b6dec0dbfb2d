"""Any data set in one `.npz` with MedMNIST's keys."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import PathText
from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData, channel_statistics


@DATA_SETS.register("npz", main="path")
def npz(path: PathText, *, root: Path | None = None) -> ImageData:  # noqa: ARG001 - every data set is offered the root
    """A file with train_images, train_labels, test_images, test_labels: uint8 [N,H,W] or [N,H,W,C], integers [N] or [N,1]."""
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    try:
        with Path(path).open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is truncated, or not a .npz file")
        with np.load(Path(path), allow_pickle=False) as archive:
            missing = [key for key in keys if key not in archive.files]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}; it holds {', '.join(archive.files) or 'nothing'}")
            arrays = {key: archive[key] for key in keys}
    except FileNotFoundError:
        raise ValueError(f"data set npz: there is no file {path!r}") from None
    except (
        OSError,
        ValueError,
        TypeError,
        EOFError,
        AttributeError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(f"data set npz: {path!r} is not a MedMNIST-style .npz file: {error}") from error
    images = {part: _images(path, f"{part}_images", arrays[f"{part}_images"]) for part in ("train", "test")}
    labels = {part: _labels(path, f"{part}_labels", arrays[f"{part}_labels"], len(images[part])) for part in ("train", "test")}
    if images["train"].shape[1:] != images["test"].shape[1:]:
        raise ValueError(f"{path!r}: train_images and test_images differ in shape: {[i.shape for i in images.values()]}")
    mean, std = channel_statistics(images["train"])
    return ImageData(
        train_images=images["train"],
        train_labels=labels["train"],
        train_ids=np.arange(len(labels["train"])),
        test_images=images["test"],
        test_labels=labels["test"],
        class_names=tuple(map(str, range(int(max(part.max() for part in labels.values())) + 1))),
        mean=mean,
        std=std,
        # Mirroring might change the class.
        augment=f"crop(padding={max(images['train'].shape[2] // 8, 1)}, flip=False)",
    )


def _images(path: str, key: str, array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.ndim == 3:
        array = array[..., None]
    if array.dtype != np.uint8 or array.ndim != 4 or not len(array) or array.shape[3] not in (1, 3, 4):
        raise ValueError(f"{path!r}: {key} must be uint8 [N,H,W] or [N,H,W,C], got {array.dtype} {list(array.shape)}")
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)).view(np.uint8)


def _labels(path: str, key: str, array: NDArray[np.generic], count: int) -> NDArray[np.int64]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iu" or len(array) != count:
        raise ValueError(f"{path!r}: {key} must be {count} integers [N] or [N,1], got {array.dtype} {list(array.shape)}")
    if array.min() < 0:
        raise ValueError(f"{path!r}: {key} must not be negative, got {array.min()}")
    return array.astype(np.int64)
