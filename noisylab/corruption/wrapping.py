"""`CorruptedDataset`: any data set with the given labels of a record."""

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption.sample_format import Key, as_label, check_map_style, outside_sample, row_keys, split_row
from noisylab.corruption.validation import check_integer

if TYPE_CHECKING:
    from noisylab.corruption.record import NoisyLabels


class MapStyle(Protocol):
    """A data set with a length, and a row with an image and a label at every position."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class CorruptedDataset:
    """A map-style data set that yields (image, given label, index) for a torch `DataLoader`.

    Nothing is read before it is indexed. True labels are the labels in the rows, so if the data set has a `target_transform`,
    make `noisy` from labels after it.

    Args:
        dataset: Any map-style data set of (image, true label) samples: torchvision's, ImageFolder, TensorDataset, a list. Also
            of longer tuples that end in the label, whose other entries come as a tuple; or of dicts with a `label` or `labels`,
            such as HuggingFace's, whose sample is the only other entry, or `image`, `img` or `text`, or the dict without the
            label.
        noisy: The record. Its `positions` are positions in `dataset`.
        outside: For open-set noise, the data set of the other images.
        label_key: Another name of the label in dicts, or its position in tuples.
        image_key: The same for the image.
        first_index: The index of the first sample. If several wrapped data sets are concatenated, it is the number of samples
            before this one, so that no two samples have the same index.

    Raises:
        ValueError: If the data set cannot be indexed (see `NoisyLabels.given_for`), if the length or a true label differs from
            `noisy` (at once if the data set has `targets` or `labels`, else when the sample is fetched), or if a row has no
            label.

    Example:
        >>> from noisylab.corruption import CorruptedDataset, from_pair
        >>> CorruptedDataset([("first", 0), ("second", 1)], from_pair([0, 1], [1, 1]))[0]
        ('first', 1, 0)
    """

    def __init__(
        self,
        dataset: MapStyle,
        noisy: "NoisyLabels",
        outside: MapStyle | None = None,
        *,
        label_key: Key = None,
        image_key: Key = None,
        first_index: int = 0,
    ) -> None:
        check_map_style(dataset, "noisy.given_for(ids) gives the labels of a stream in a map function of your own")
        self.first_index = check_integer("first_index", first_index)
        if noisy.positions is None and len(dataset) != len(noisy):
            raise ValueError(f"the data set has {len(dataset)} samples, the corruption {len(noisy)}")
        if noisy.positions is not None and noisy.positions.max() >= len(dataset):
            raise ValueError(f"the data set has {len(dataset)} samples, the corruption one at {noisy.positions.max()}")
        if noisy.replaced_by is not None and (outside is None or len(outside) <= noisy.replaced_by.max()):
            got = "none" if outside is None else f"one of {len(outside)} samples"
            raise ValueError(f"open-set noise needs the outside data set its images come from, got {got}")
        # HuggingFace's tables know the columns of their rows without decoding one.
        if isinstance(columns := getattr(dataset, "column_names", None), list | tuple):
            row_keys(columns, label_key, image_key)
        targets = None if label_key is not None else _targets(dataset)
        self._known = targets is not None
        if targets is not None:
            held = targets if noisy.positions is None else targets[noisy.positions]
            true = _in_rows(held, getattr(dataset, "target_transform", None), noisy.class_names)
            wrong = np.flatnonzero(true != noisy.true)
            if len(wrong) and np.array_equal(held, noisy.true):
                raise ValueError(
                    "the corruption is of labels before the data set's target_transform, and rows hold labels after it: "
                    "make it from [dataset.target_transform(label) for label in dataset.targets], or wrap a data set without it"
                )
            if len(wrong):
                self._refuse(int(wrong[0]), true[wrong[0]], noisy)
        self.dataset, self.noisy, self.outside = dataset, noisy, outside
        self.label_key, self.image_key = label_key, image_key

    @property
    def targets(self) -> list[int]:
        """The given labels."""
        return [int(label) for label in self.noisy.given]

    @property
    def classes(self) -> Any:
        """The names of the classes, if the wrapped data set has them."""
        return self.dataset.classes  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.noisy)

    def __getitem__(self, index: int) -> tuple[Any, int, int]:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range for {len(self)} samples")
        position %= len(self)
        # Some data sets do not accept NumPy's integers.
        place = position if self.noisy.positions is None else int(self.noisy.positions[position])
        row = self.dataset[place]
        image, label = split_row(row, self.label_key, self.image_key)
        # In longer tuples the last entry may be something else; the true label in front of it must not be passed on.
        if (not self._known or len(row) > 2) and as_label(label, self.noisy.class_names) != self.noisy.true[position]:
            self._refuse(position, label, self.noisy)
        if self.noisy.replaced_by is not None and self.noisy.replaced_by[position] >= 0:
            assert self.outside is not None
            image = outside_sample(self.outside[int(self.noisy.replaced_by[position])], self.label_key, self.image_key)
        return image, int(self.noisy.given[position]), self.first_index + position

    @staticmethod
    def _refuse(position: int, label: Any, noisy: "NoisyLabels") -> None:
        raise ValueError(
            f"sample {position} has label {label} in the data set but true label {noisy.true[position]} in the corruption; "
            "was it made from this data set, in this order? (label_key says which entry of a sample is the label)"
        )


def _in_rows(
    targets: NDArray[np.int64], target_transform: Callable[[int], Any] | None, names: tuple[str, ...] | None
) -> NDArray[np.int64]:
    """The labels in the rows of a data set with these targets. Raises ValueError if they are not classes."""
    if target_transform is None:
        return targets
    values, place = np.unique(targets, return_inverse=True)
    try:
        return np.array([as_label(target_transform(value), names) for value in values.tolist()], dtype=np.int64)[place]
    except ValueError as error:
        raise ValueError(f"after the target_transform of the data set, {error}") from None


def _targets(dataset: MapStyle) -> NDArray[np.int64] | None:
    """The `targets` or `labels` of a data set, if they are one label for each sample."""
    for name in ("targets", "labels"):
        try:
            held = np.asarray(getattr(dataset, name, None))
        except ValueError:
            # Lists of different lengths, such as the boxes in a picture.
            continue
        if held.dtype.kind in "iu" and held.size == len(dataset):
            return held.ravel().astype(np.int64)
    return None
