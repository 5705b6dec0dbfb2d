"""The classes of a data set, from its labels as other people write them."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.class_numbers import class_order, number_class, number_labels, shortened
from noisylab.corruption.validation import check_labels, label_array

# With more classes than this, and fewer than two training samples of each, labels look like identifiers.
MANY = 100


class Labels(NamedTuple):
    """The labels of one part of a data set.

    Attributes:
        place: What messages call them: "'d.npz': train_labels".
        values: [N] or [N, 1], whole numbers, names or booleans.
        names: The names of the classes 0 to K - 1, if the part states them.
    """

    place: str
    values: ArrayLike
    names: Sequence[Any] | None = None


def numbered_classes(train: Labels, test: Labels) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """The labels int64[N] for training and for testing, and the class names.

    Without stated names, classes are exactly the labels that occur in training, in the order of numbers or names: labels 1 to
    10, or 0, 3 and 7, keep their numbers as class names. Stated classes all exist, even if no sample has them; a warning says
    which ones training lacks.

    Raises ValueError, with value and position, for labels that are neither whole numbers nor names, and for a class that only
    the test set has.
    """
    names, own = (None if part.names is None else tuple(map(_name, part.names)) for part in (train, test))
    if names is not None and own is not None and own != names:
        # The same number stands for another class there.
        other = _Found(test)
        test = test._replace(values=np.array(own, dtype=object)[other.numbered(other.among(own))])
    names = names or own
    parts = [_Found(train), _Found(test)]
    if names is None:
        return _occurring(*parts)
    labels = [part.numbered(part.among(names)) for part in parts]
    lacking = [names[number] for number in np.setdiff1d(np.arange(len(names)), labels[0])]
    if lacking:
        classes = "class" if len(lacking) == 1 else "classes"
        warnings.warn(
            f"{train.place}: no sample has the {classes} {shortened(lacking)}, of the {len(names)} that the data set names; "
            "noise may give them to samples all the same",
            stacklevel=3,
        )
    return labels, names


class _Found:
    """The different labels of a part, in their order, and which of them each sample has."""

    def __init__(self, part: Labels) -> None:
        self.place = part.place
        try:
            array = label_array(part.values)
            if array.dtype.kind == "S":
                array = np.char.decode(array, "utf-8")
            codes, names = number_labels(array)
            self.values: list[Any] = list(names or ())
            if names is None:
                checked = check_labels(codes)[0]
                # Hashes may need all 64 bits.
                found, codes = np.unique(codes if codes.dtype.kind == "u" else checked, return_inverse=True)
                self.values = found.tolist()
        except ValueError as error:
            raise ValueError(f"{part.place}: {error}") from None
        self.codes: NDArray[np.int64] = codes

    @property
    def are_names(self) -> bool:
        return isinstance(self.values[0], str)

    def says(self, place: int) -> str:
        """Where a different label is: `train_labels has 10 at position 3`."""
        return f"{self.place} has {self.values[place]!r} at position {int(np.flatnonzero(self.codes == place)[0])}"

    def numbered(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """The class int64[N] of each sample, from the class of each different label."""
        return np.asarray(numbers, dtype=np.int64)[self.codes]

    def among(self, names: tuple[str, ...]) -> list[int]:
        """The class of each different label among stated classes. Raises ValueError if it is none."""
        if self.are_names:
            try:
                return [number_class(value, names) for value in self.values]
            except ValueError as error:
                raise ValueError(f"{self.place}: {error}") from None
        if self.values[-1] < len(names):
            return self.values
        # Names that are numbers may be the labels themselves.
        if all(str(value) in names for value in self.values):
            return [names.index(str(value)) for value in self.values]
        counted = "; classes are counted from 0" if self.values[-1] == len(names) and self.values[0] > 0 else ""
        raise ValueError(
            f"labels must be in [0, {len(names)}), one for each class name, got {self.values[-1]}: "
            f"{self.says(len(self.values) - 1)}{counted}"
        )


def _occurring(train: _Found, test: _Found) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """`numbered_classes` without stated names."""
    if train.are_names != test.are_names:
        raise ValueError(f"labels must be all names or all numbers, but {train.says(0)}, and {test.says(0)}")
    known = set(train.values)
    unknown = next((place for place, value in enumerate(test.values) if value not in known), None)
    if unknown is not None:
        raise ValueError(
            f"{test.says(unknown)}, and no training sample has that class; are both parts numbered alike? If so, leave these "
            "samples out, or train on some of them"
        )
    names = class_order(map(str, train.values))
    if len(names) > max(MANY, len(train.codes) / 2):
        warnings.warn(
            f"{train.place}: {len(names)} classes for {len(train.codes)} training samples; are the labels identifiers?",
            stacklevel=4,
        )
    numbers = {name: number for number, name in enumerate(names)}
    return [part.numbered([numbers[str(value)] for value in part.values]) for part in (train, test)], names


def _name(name: Any) -> str:
    """A class name; torchvision's ImageNet has tuples of synonyms."""
    return ", ".join(map(str, name)) if isinstance(name, tuple | list) else str(name)
