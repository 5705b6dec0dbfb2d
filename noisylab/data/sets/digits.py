"""scikit-learn's digits: 1,797 images of 8x8 pixels, part of its package."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import ImageData, channel_statistics

# The samples that scikit-learn's `train_test_split(..., stratify=labels, random_state=0)` puts into the test set.
TEST = Path(__file__).with_name("digits_held_out.txt")


@DATA_SETS.register("digits")
def digits(*, root: Path | None = None) -> ImageData:  # noqa: ARG001 - every data set is offered the root
    """Handwritten digits, 8x8 grey, 1,347 for training and 450 for testing; no download."""
    table = np.loadtxt(_file(), delimiter=",", dtype=np.int64)
    pixels, labels = table[:, :-1], table[:, -1]
    # Pixels are 0 to 16.
    images = np.round(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    test = np.array(TEST.read_text(encoding="utf-8").split(), dtype=np.int64)
    train = np.setdiff1d(np.arange(len(labels)), test)
    mean, std = channel_statistics(images[train])
    return ImageData(
        train_images=images[train],
        train_labels=labels[train],
        train_ids=np.arange(len(train)),
        test_images=images[test],
        test_labels=labels[test],
        class_names=tuple(str(digit) for digit in range(10)),
        mean=mean,
        std=std,
        # A mirrored digit is another sign, and one pixel is already an eighth of the image.
        augment="crop(padding=1, flip=False)",
        asymmetric_mapping="digits",
    )


def _file() -> Path:
    """The file that `sklearn.datasets.load_digits` reads; the import of scikit-learn would take a second."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
