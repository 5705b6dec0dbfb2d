"""MNIST (LeCun et al. 1998) and FashionMNIST (Xiao et al. 2017), through torchvision.

Mean and standard deviation are over the training pixels: as in PyTorch's MNIST example, and the usual values for FashionMNIST.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from noisylab.core.registries import DATA_SETS
from noisylab.data.download import DEFAULT_ROOT, download_or_explain
from noisylab.data.image_data import ImageData


@DATA_SETS.register("mnist")
def mnist(*, root: Path | None = None) -> ImageData:
    """MNIST: 60,000 + 10,000 grey handwritten digits of 28x28; downloaded unless it is in the data root."""
    # A mirrored digit is another sign.
    return _load("MNIST", root, 0.1307, 0.3081, "crop(padding=2, flip=False)", "mnist")


@DATA_SETS.register("fashion_mnist")
def fashion_mnist(*, root: Path | None = None) -> ImageData:
    """FashionMNIST: 60,000 + 10,000 grey images of clothes, 28x28, 10 classes; downloaded unless it is in the data root."""
    # There is no agreed map of asymmetric noise.
    return _load("FashionMNIST", root, 0.2860, 0.3530, "crop(padding=4, flip=True)", None)


def _load(
    name: Literal["MNIST", "FashionMNIST"], root: Path | None, mean: float, std: float, augment: str, mapping: str | None
) -> ImageData:
    from torchvision import datasets

    loader, folder = getattr(datasets, name), root or DEFAULT_ROOT
    train, test = download_or_explain(
        name,
        folder,
        f"{name}/raw",
        lambda: [loader(str(folder), train=part, download=True) for part in (True, False)],
        f"put {', '.join(file for file, _ in loader.resources)} in {str(folder / name / 'raw')!r}",
    )
    labels = [np.asarray(part.targets, dtype=np.int64) for part in (train, test)]
    return ImageData(
        train_images=np.ascontiguousarray(train.data.numpy()[:, None]),
        train_labels=labels[0],
        train_ids=np.arange(len(labels[0])),
        test_images=np.ascontiguousarray(test.data.numpy()[:, None]),
        test_labels=labels[1],
        class_names=tuple(train.classes),
        mean=(mean,),
        std=(std,),
        augment=augment,
        asymmetric_mapping=mapping,
    )
