"""`CorruptedDataset`: somebody else's data set with our given labels."""

import operator
from collections.abc import Mapping, Sequence
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

    dataset: any map-style data set of (image, true label, ...) samples: torchvision's, ImageFolder, TensorDataset, a list; of
    (a, b, ..., true label), which gives the tuple (a, b, ...) as the image; or of dicts as HuggingFace's, with the label under
    `label_key` (None: `label` or `labels`), which give their `image`, `img` or `text` or only other entry, else the dict of all
    others. outside: for
    open-set noise, the data set that the other images come from. Where `noisy` has positions, they are those in `dataset`.
    Nothing is read before it is indexed. Raises ValueError where the length, or a true label, is not that of `noisy`: at once
    where the data set has `targets` (or `labels`), else when the sample is fetched.
    """

    def __init__(
        self, dataset: MapStyle, noisy: NoisyLabels, outside: MapStyle | None = None, *, label_key: str | None = None
    ) -> None:
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
        self.dataset, self.noisy, self.outside, self.label_key = dataset, noisy, outside, label_key

    @property
    def classes(self) -> Any:
        """The class names, where the data set has them."""
        return self.dataset.classes  # type: ignore[attr-defined]

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
        image, label = _image_and_label(self.dataset[place], self.label_key)
        if not self._known and label != self.noisy.clean[position]:
            self._refuse(position, label, self.noisy)
        if self.noisy.replaced_by is not None and self.noisy.replaced_by[position] >= 0:
            assert self.outside is not None
            image, _ = _image_and_label(self.outside[int(self.noisy.replaced_by[position])], self.label_key)
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


def _image_and_label(sample: Any, label_key: str | None) -> tuple[Any, int]:
    """What is trained on, and the true label."""
    if isinstance(sample, Mapping):
        key = label_key or next((key for key in ("label", "labels") if key in sample), None)
        if key is None or key not in sample:
            raise ValueError(
                f"label_key must name the entry of a sample that is its label, one of {', '.join(sample)}; got {key!r}"
            )
        others = {name: value for name, value in sample.items() if name != key}
        chosen = next((name for name in ("image", "img", "text") if name in others), None)
        image = others[chosen] if chosen else next(iter(others.values())) if len(others) == 1 else others
        return image, _whole(sample[key], sample)
    if not isinstance(sample, Sequence) or isinstance(sample, str) or len(sample) < 2:
        raise ValueError(f"a sample must be (image, label, ...) or a dict with a label, got {_shape(sample)}")
    if len(sample) == 2 or _is_whole(sample[1]):
        return sample[0], _whole(sample[1], sample)
    return tuple(sample[:-1]), _whole(sample[-1], sample)


def _is_whole(value: Any) -> bool:
    try:
        operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        return False
    return True


def _whole(label: Any, sample: Any) -> int:
    if not _is_whole(label):
        raise ValueError(f"a sample's label must be a whole number, got {_shape(label)} in {_shape(sample)}")
    return operator.index(label)


def _shape(value: Any) -> str:
    """A few words on what a value is."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_shape, value[:6]))})"
    if isinstance(value, Mapping):
        return f"a dict with {', '.join(map(str, value))}"
    if isinstance(value, int | float | str):
        return repr(value)
    return f"{type(value).__name__}{list(value.shape) if hasattr(value, 'shape') else ''}"
