"""`ImageData`: a data set as uint8 arrays in memory."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import PositiveInt
from noisylab.core.files import expanded
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS
from noisylab.core.specs import Spec
from noisylab.corruption import NoisyLabels, replace_images
from noisylab.corruption.class_numbers import check_class_names
from noisylab.corruption.validation import read_array
from noisylab.data.streaming import Images, StreamedImages

# Number of evenly spread files of a streamed set that are read before training.
SAMPLED = 2000

_ARRAYS = ("train_images", "train_labels", "train_ids", "test_images", "test_labels")
_OPTIONAL_ARRAYS = ("fine_labels", "train_names")


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images and true labels, for training and for testing. Images are in memory or streamed from their files.

    Attributes:
        train_images: uint8[N, C, H, W].
        train_labels: int64[N], true labels.
        train_ids: int64[N], the position of each training sample in the full training set.
        test_images: uint8[M, C, H, W].
        test_labels: int64[M].
        class_names: One per class.
        mean: Per channel, of pixels scaled to [0, 1].
        std: Per channel, of pixels scaled to [0, 1].
        augment: Spec of the usual augmentation.
        asymmetric_mapping: The usual map of asymmetric noise, if any.
        root: The folder of the data, if any.
        fine_labels: int64[N], the finer class of each training sample, if known.
        train_names: str[N], the file of each training sample, relative to the folder of the class folders (`cat/001.png`), if
            samples have files.

    Example:
        >>> from noisylab.data import load_data
        >>> data = load_data("digits")
        >>> data.shape, data.num_classes, len(data.test_labels)
        ((1, 8, 8), 10, 450)
    """

    train_images: Images
    train_labels: NDArray[np.int64]
    test_images: Images
    test_labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: str
    train_ids: NDArray[np.int64]
    asymmetric_mapping: str | None = None
    root: str | None = None
    fine_labels: NDArray[np.int64] | None = None
    train_names: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        check_class_names(self.class_names)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    @property
    def noise_defaults(self) -> dict[str, Any]:
        """Options that a noise spec may leave open for this data set."""
        return {} if self.asymmetric_mapping is None else {"mapping": self.asymmetric_mapping}

    @property
    def augment_defaults(self) -> dict[str, Any]:
        """Options that an augmentation spec may leave open: the data set's own crop and flip."""
        return dict(AUGMENTATIONS.parse(self.augment).options) or {"padding": 0, "flip": False}

    @property
    def noise_inputs(self) -> dict[str, Any]:
        """The inputs of a noise kind, without the seed. Streamed images are not used as features."""
        inputs = {
            "labels": self.train_labels,
            "num_classes": self.num_classes,
            "positions": self.train_ids,
            "root": self.root,
            "fine_labels": self.fine_labels,
            "sample_names": self.train_names,
            "class_names": self.class_names,
        }
        return inputs if isinstance(self.train_images, StreamedImages) else inputs | {"features": self.train_images}

    def with_noise(self, noisy: NoisyLabels) -> "ImageData":
        """The data of a corruption: without the samples that a long tail leaves out, and with open-set images replaced.

        Raises ValueError if the corruption has other classes, or if outside images cannot be read or do not fit.
        """
        if noisy.num_classes != self.num_classes:
            raise ValueError(f"the data set has {self.num_classes} classes, the noise {noisy.num_classes}")
        data = self if noisy.positions is None else self._select(noisy.positions)
        if noisy.replaced_by is None:
            return data
        if isinstance(data.train_images, StreamedImages):
            raise ValueError("open-set noise replaces images in memory, and those of a streamed data set are in files")
        source = noisy.parameters["outside"]
        if not isinstance(source, str):
            raise ValueError(f"open-set noise needs outside='FILE.npy' to take images from, got {source!r}")
        images = replace_images(data.train_images, noisy, read_outside(source, self.shape))
        return dataclasses.replace(data, train_images=images)

    def noise_digest(self, noisy: NoisyLabels) -> str:
        """SHA-256 of the given labels, and of samples and images if the noise changes them too."""
        if noisy.positions is None and noisy.replaced_by is None:
            return noisy.digest
        return hashlib.sha256((noisy.digest + self.with_noise(noisy).digest()).encode()).hexdigest()

    def _select(self, chosen: NDArray[np.int64]) -> "ImageData":
        return dataclasses.replace(
            self,
            train_images=self.train_images.take(chosen, axis=0),
            train_labels=self.train_labels[chosen],
            train_ids=self.train_ids[chosen],
            fine_labels=None if self.fine_labels is None else self.fine_labels[chosen],
            train_names=None if self.train_names is None else self.train_names[chosen],
        )

    def _arrays(self) -> list[str]:
        return [*_ARRAYS, *(name for name in _OPTIONAL_ARRAYS if getattr(self, name) is not None)]

    def digest(self) -> str:
        """SHA-256 of all arrays but `train_names`, equal for equal data from any source. Streamed images count by file."""
        total = hashlib.sha256(json.dumps([self.class_names, self.mean, self.std]).encode())
        for name in self._arrays():
            if name == "train_names":
                continue
            if isinstance(held := getattr(self, name), StreamedImages):
                total.update(held.fingerprint())
                continue
            array = np.ascontiguousarray(held)
            total.update(f"{name}{array.shape}{array.dtype}".encode())
            total.update(array.data)
        return total.hexdigest()

    def subset(self, train_size: int) -> "ImageData":
        """The data with a stratified choice of `train_size` training samples, the same at every call.

        Raises ValueError for more samples than there are, or fewer than classes.
        """
        chosen = self._subset("train", self.train_labels, train_size)
        return self if chosen is None else self._select(chosen)

    def test_subset(self, test_size: int) -> "ImageData":
        """The data with a stratified choice of `test_size` test samples, the same at every call.

        Raises ValueError for more samples than there are, or fewer than classes.
        """
        chosen = self._subset("test", self.test_labels, test_size)
        if chosen is None:
            return self
        images, labels = self.test_images.take(chosen, axis=0), self.test_labels[chosen]
        return dataclasses.replace(self, test_images=images, test_labels=labels)

    def _subset(self, part: str, labels: NDArray[np.int64], size: int) -> NDArray[np.int64] | None:
        """Positions of a stratified choice; None: all."""
        if not self.num_classes <= size <= len(labels):
            raise ValueError(
                f"{part} size must be between {self.num_classes} (the classes) and {len(labels)} (the samples), got {size}"
            )
        return None if size == len(labels) else _stratified_choice(labels, size, np.random.default_rng(0))

    def save(self, folder: Path) -> None:
        """Write the arrays to `folder`; `open` maps them into any number of processes."""
        streamed = {}
        for name in self._arrays():
            held = getattr(self, name)
            if isinstance(held, StreamedImages):
                streamed[name] = {f.name: getattr(held, f.name) for f in dataclasses.fields(held) if f.name != "files"}
                held = held.files
            np.save(folder / f"{name}.npy", held)
        rest = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in self._arrays()}
        (folder / "data.json").write_text(json.dumps(rest | {"streamed": streamed}), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> "ImageData":
        """Open data that `save` wrote, memory-mapped."""
        rest: dict[str, Any] = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        streamed = rest.pop("streamed")
        arrays: dict[str, Any] = {
            field.name: np.load(folder / f"{field.name}.npy", mmap_mode="c")
            for field in dataclasses.fields(cls)
            if field.name not in rest
        }
        for name, options in streamed.items():
            arrays[name] = StreamedImages(files=arrays[name], **options | {"size": tuple(options["size"])})
        rest = {key: tuple(value) if isinstance(value, list) else value for key, value in rest.items()}
        return cls(**arrays, **rest)


def load_data(spec: str | Spec, root: str | PathLike[str] | None = None, train_size: PositiveInt | None = None) -> ImageData:
    """The data set that a spec names.

    Args:
        spec: A registered data set, with options if it has any: `"digits"`, `"npz:mine.npz"`.
        root: The folder of downloaded data sets.
        train_size: The number of training samples to keep, stratified by class; by default all.

    Returns:
        Images uint8[N, C, H, W] and true labels int64[N], for training and for testing.

    Raises:
        ValueError: If the data cannot be read; the message says where to put which files.

    Example:
        >>> from noisylab.data import load_data
        >>> load_data("digits", train_size=100).train_images.shape
        (100, 1, 8, 8)
    """
    root = None if root is None else expanded(root)
    check_root(root)
    spec = DATA_SETS.parse(spec) if isinstance(spec, str) else spec
    data: ImageData = dataclasses.replace(DATA_SETS.create(spec, root=root), root=None if root is None else str(root))
    return data if train_size is None else data.subset(train_size)


def load_run_data(config: Mapping[str, Any], root: Path | None) -> ImageData:
    """The data that a run was trained on, without its noise. config: the content of its `config.json`.

    Raises ValueError if the data cannot be read from `root`, or has changed since.
    """
    spec = DATA_SETS.located(config["data"], root)
    data = load_data(spec, root, config["train_size"]).test_subset(config["test_size"])
    if data.digest() != config["data_digest"]:
        moved = "" if str(spec) == config["data"] else f", found as {spec},"
        raise ValueError(
            f"the data set {config['data']}{moved} is not the one that the runs were trained on; is the data root right?"
        )
    return data


def check_root(root: Path | None) -> None:
    """Raise ValueError if a data root is given and is not a folder."""
    if root is not None and not root.is_dir():
        inside = f"; name the folder that holds it, {str(root.parent)!r}" if root.is_file() else ""
        raise ValueError(f"data root {str(root)!r} is not a folder{inside}")


def channel_statistics(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of uint8[N, C, H, W], of pixels scaled to [0, 1]."""
    levels = np.arange(256) / 255
    mean, std = [], []
    for channel in range(images.shape[1]):
        share = np.bincount(images[:, channel].ravel(), minlength=256) / images[:, channel].size
        mean.append(float(share @ levels))
        std.append(max(float(np.sqrt(share @ (levels - mean[-1]) ** 2)), 1 / 255))
    return tuple(mean), tuple(std)


def _stratified_choice(labels: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions of `size` samples: at least one of every class, the rest by systematic sampling over the classes."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    _, first = np.unique(labels[order], return_index=True)
    rest = np.delete(order, first)
    missing = size - len(first)
    spaced = (np.arange(missing) + rng.random()) * (len(rest) / max(missing, 1))
    return np.sort(np.concatenate([order[first], rest[spaced.astype(np.int64)]]))


def read_outside(path: str | Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The images uint8[M, C, H, W] in a `.npy` file, for a data set whose images have this shape (C, H, W).

    Accepts [M, C, H, W], [M, H, W, C] or, if C is 1, [M, H, W]; an ambiguous shape counts as the first. Raises ValueError,
    naming the file and what was expected, for anything else.
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
