"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), through torchvision.

Mean and standard deviation are over the training pixels, as in DLB's public code.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from noisylab.core.registries import DATA_SETS
from noisylab.corruption.class_maps import CIFAR100_SUPERCLASS
from noisylab.data.download import DEFAULT_ROOT, download_or_explain
from noisylab.data.image_data import ImageData

SUPERCLASSES = (
    *("aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables", "household_electrical_devices"),
    *("household_furniture", "insects", "large_carnivores", "large_man-made_outdoor_things", "large_natural_outdoor_scenes"),
    *("large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals"),
    *("trees", "vehicles_1", "vehicles_2"),
)


@DATA_SETS.register("cifar10")
def cifar10(*, root: Path | None = None) -> ImageData:
    """CIFAR-10: 50,000 + 10,000 colour images of 32x32 in 10 classes; downloaded unless it is in the data root."""
    return _load("CIFAR10", root, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), "cifar10")


@DATA_SETS.register("cifar100", main="classes")
def cifar100(classes: Literal["fine", "coarse"] = "fine", *, root: Path | None = None) -> ImageData:
    """CIFAR-100: 50,000 + 10,000 colour images of 32x32 in 100 classes; downloaded unless it is in the data root.

    classes: "coarse" for its 20 superclasses; noise then knows the fine classes.
    """
    data = _load("CIFAR100", root, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), "cifar100_superclass")
    if classes == "fine":
        return data
    return dataclasses.replace(
        data,
        train_labels=CIFAR100_SUPERCLASS[data.train_labels],
        test_labels=CIFAR100_SUPERCLASS[data.test_labels],
        class_names=SUPERCLASSES,
        asymmetric_mapping=None,
        fine_labels=data.train_labels,
    )


def _load(
    name: Literal["CIFAR10", "CIFAR100"],
    root: Path | None,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    mapping: str,
) -> ImageData:
    from torchvision import datasets

    loader, folder = getattr(datasets, name), root or DEFAULT_ROOT
    train, test = download_or_explain(
        name,
        folder,
        loader.base_folder,
        lambda: [loader(str(folder), train=part, download=True) for part in (True, False)],
        f"unpack {loader.filename} (MD5 {loader.tgz_md5}) in {str(folder)!r}",
    )
    return ImageData(
        train_images=np.ascontiguousarray(train.data.transpose(0, 3, 1, 2)),
        train_labels=np.asarray(train.targets, dtype=np.int64),
        train_ids=np.arange(len(train.targets)),
        test_images=np.ascontiguousarray(test.data.transpose(0, 3, 1, 2)),
        test_labels=np.asarray(test.targets, dtype=np.int64),
        class_names=tuple(train.classes),
        mean=mean,
        std=std,
        augment="crop(padding=4, flip=True)",
        asymmetric_mapping=mapping,
    )
