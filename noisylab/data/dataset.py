"""`CorruptedDataset`: somebody else's data set with our given labels."""

import operator
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption import NoisyLabels


class MapStyle(Protocol):
    """What is wrapped: a length, and (image, label, ...) at every position."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class CorruptedDataset:
    """A map-style data set that yields (image, given label, index) for a torch `DataLoader`.

    dataset: any map-style data set of (image, true label) samples: torchvision's, ImageFolder, TensorDataset, a list; or of
    dicts with a `label` (or `labels`) and one other entry, or an `image`, `img` or `text`, as HuggingFace's. outside: for
    open-set noise, the data set that the other images come from. Where `noisy` has positions, they are those in `dataset`.
    Nothing is read before it is indexed. Raises ValueError where the length, or a true label, is not that of `noisy`: at once
    where the data set has `targets` (or `labels`), else when the sample is fetched.
    """

    def __init__(self, dataset: MapStyle, noisy: NoisyLabels, outside: MapStyle | None = None) -> None:
        if noisy.positions is None and len(dataset) != len(noisy):
            raise ValueError(f"the data set has {len(dataset)} samples, the corruption {len(noisy)}")
        if noisy.positions is not None and noisy.positions.max() >= len(dataset):
            raise ValueError(f"the data set has {len(dataset)} samples, the corruption one at {noisy.positions.max()}")
        if noisy.replaced_by is not None and (outside is None or len(outside) <= noisy.replaced_by.max()):
            got = "none" if outside is None else f"one of {len(outside)} samples"
            raise ValueError(f"open-set noise needs the outside data set its images come from, got {got}")
        targets = _targets(dataset)
        self._known = targets is not None
        if targets is not None:
            true = targets
            true = true if noisy.positions is None else true[noisy.positions]
            wrong = np.flatnonzero(true != noisy.clean)
            if len(wrong):
                self._refuse(int(wrong[0]), true[wrong[0]], noisy)
        self.dataset, self.noisy, self.outside = dataset, noisy, outside

    @property
    def targets(self) -> list[int]:
        """The given labels."""
        return [int(label) for label in self.noisy.labels]

    def __len__(self) -> int:
        return len(self.noisy)

    def __getitem__(self, index: int) -> tuple[Any, int, int]:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range for {len(self)} samples")
        position %= len(self)
        # NumPy's integers are none to every data set.
        place = position if self.noisy.positions is None else int(self.noisy.positions[position])
        image, label = _image_and_label(self.dataset[place])
        if not self._known and int(label) != self.noisy.clean[position]:
            self._refuse(position, label, self.noisy)
        if self.noisy.replaced_by is not None and self.noisy.replaced_by[position] >= 0:
            assert self.outside is not None
            image, _ = _image_and_label(self.outside[int(self.noisy.replaced_by[position])])
        return image, int(self.noisy.labels[position]), position

    @staticmethod
    def _refuse(position: int, label: Any, noisy: NoisyLabels) -> None:
        raise ValueError(
            f"sample {position} has label {label} in the data set but true label {noisy.clean[position]} in the corruption; "
            "was it made from this data set, in this order?"
        )


def _targets(dataset: MapStyle) -> NDArray[np.int64] | None:
    """The labels that a data set says it has, where it has one for each sample; `labels` may be something else."""
    for name in ("targets", "labels"):
        held = np.asarray(getattr(dataset, name, None))
        if held.dtype.kind in "iu" and held.size == len(dataset):
            return held.ravel().astype(np.int64)
    return None


def _image_and_label(sample: Any) -> tuple[Any, Any]:
    """The first two entries of a tuple, or what a dict calls them."""
    if not isinstance(sample, Mapping):
        image, label = sample[:2]
        return image, label
    label_key = next((key for key in ("label", "labels") if key in sample), None)
    others = [key for key in sample if key != label_key]
    image_key = others[0] if len(others) == 1 else next((key for key in ("image", "img", "text") if key in sample), None)
    if label_key is None or image_key is None:
        raise ValueError(f"a sample must have a label and an image, img, text or one other entry, got {', '.join(sample)}")
    return sample[image_key], sample[label_key]
