"""Any data set in one `.npz` with MedMNIST's keys."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import PathText
from noisylab.core.registries import DATA_SETS
from noisylab.data.class_labels import Labels, numbered_classes
from noisylab.data.image_data import ImageData
from noisylab.data.own_data import own_data


@DATA_SETS.register("npz", main="path")
def npz(path: PathText, *, root: Path | None = None) -> ImageData:  # noqa: ARG001 - every data set is offered the root
    """A file with train_images, train_labels, test_images, test_labels: uint8 [N,H,W] or [N,H,W,C]; labels [N] or [N,1].

    Labels are whole numbers or names. Classes are those that occur, in the order of numbers or names, and keep them as names.
    """
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
    found = [_labels(path, f"{part}_labels", arrays[f"{part}_labels"], len(images[part])) for part in images]
    if images["train"].shape[1:] != images["test"].shape[1:]:
        raise ValueError(f"{path!r}: train_images and test_images differ in shape: {[i.shape for i in images.values()]}")
    return own_data(
        [*images.values()], *numbered_classes(*found), source=f"npz:{Path(path).name}", way_out="scale them to 0 to 255"
    )


def _images(path: str, key: str, array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.ndim == 3:
        array = array[..., None]
    if array.dtype != np.uint8 or array.ndim != 4 or not len(array) or array.shape[3] not in (1, 3, 4):
        raise ValueError(f"{path!r}: {key} must be uint8 [N,H,W] or [N,H,W,C], got {array.dtype} {list(array.shape)}")
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)).view(np.uint8)


def _labels(path: str, key: str, array: NDArray[np.generic], count: int) -> Labels:
    if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)) or len(array) != count:
        raise ValueError(
            f"{path!r}: {key} must be {count} whole numbers or names, [N] or [N,1], got {array.dtype} {list(array.shape)}"
        )
    return Labels(f"{path!r}: {key}", array)
