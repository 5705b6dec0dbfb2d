"""SVHN, cropped house numbers (Netzer et al. 2011), through torchvision.

Mean and standard deviation are over the training pixels: the values in common use.
"""

from pathlib import Path

import numpy as np

from noisylab.core.registries import DATA_SETS
from noisylab.data.download import DEFAULT_ROOT, download_or_explain
from noisylab.data.image_data import ImageData


@DATA_SETS.register("svhn")
def svhn(*, root: Path | None = None) -> ImageData:
    """SVHN: 73,257 + 26,032 colour digits of 32x32, without the extra set; downloaded unless it is in the data root."""
    from torchvision import datasets

    folder = root or DEFAULT_ROOT
    files = [f"{file} (MD5 {md5})" for _, file, md5 in (datasets.SVHN.split_list[part] for part in ("train", "test"))]
    train, test = download_or_explain(
        "SVHN",
        folder,
        "",
        lambda: [datasets.SVHN(str(folder), split=part, download=True) for part in ("train", "test")],
        f"put {' and '.join(files)} in {str(folder)!r}",
    )
    return ImageData(
        train_images=np.ascontiguousarray(train.data),
        train_labels=np.asarray(train.labels, dtype=np.int64),
        train_ids=np.arange(len(train.labels)),
        test_images=np.ascontiguousarray(test.data),
        test_labels=np.asarray(test.labels, dtype=np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
        # A mirrored digit is another sign.
        augment="crop(padding=4, flip=False)",
    )
