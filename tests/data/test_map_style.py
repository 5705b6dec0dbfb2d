"""Pairs of map-style data sets as images in memory."""

from typing import Any

import numpy as np
import pytest

from noisylab.data import from_datasets

IMAGE = np.zeros((8, 8), np.uint8)


class Rows(list[Any]):
    """A data set that names its classes."""

    classes = ("sea", "air")


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        (["b", "a"], ["a"], ("a", "b")),
        (["10", "9"], ["9"], ("9", "10")),
        ([True, False], [False], ("False", "True")),
        ([1, 0], [0], ("0", "1")),
    ],
)
def test_labels_by_name_are_numbered_by_sorted_name(train: list[Any], test: list[Any], names: tuple[str, ...]) -> None:
    made = from_datasets([(IMAGE, label) for label in train], [(IMAGE, label) for label in test])
    assert (made.train_labels.tolist(), made.test_labels.tolist(), made.class_names) == ([1, 0], [0], names)


def test_known_names_give_the_order() -> None:
    rows = Rows([(IMAGE, "air"), (IMAGE, "sea")])
    assert from_datasets(rows, rows).train_labels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="'sea' is not a class; the classes are air, land"):
        from_datasets(rows, rows, class_names=["air", "land"])


def test_floats_beyond_one_are_told_their_range() -> None:
    rows = [(np.full((8, 8), 254.0), 0)]
    with pytest.raises(ValueError, match=r"floats in \[0, 1\], got 254 to 254; whole numbers from 0 to 255 must be uint8"):
        from_datasets(rows, rows)
