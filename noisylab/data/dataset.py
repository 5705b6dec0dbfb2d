"""`CorruptedDataset`: somebody else's data set with our given labels."""

import operator
from typing import Any, Protocol

import numpy as np

from noisylab.corruption import NoisyLabels


class MapStyle(Protocol):
    """What is wrapped: a length, and (image, label, ...) at every position."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class CorruptedDataset:
    """A map-style data set that yields (image, given label, index) for a torch `DataLoader`.

    dataset: any map-style data set of (image, true label) samples: torchvision's, ImageFolder, TensorDataset, a list. Nothing
    is read from it before it is indexed. Raises ValueError where its length, or a true label, is not that of `noisy`: at once
    where the data set has `targets` (or `labels`), else when the sample is fetched.
    """

    def __init__(self, dataset: MapStyle, noisy: NoisyLabels) -> None:
        if len(dataset) != len(noisy):
            raise ValueError(f"the data set has {len(dataset)} samples, the corruption {len(noisy)}")
        targets = next((t for name in ("targets", "labels") if (t := getattr(dataset, name, None)) is not None), None)
        self._known = targets is not None
        if targets is not None:
            wrong = np.flatnonzero(np.asarray(targets).ravel() != noisy.clean)
            if len(wrong):
                self._refuse(int(wrong[0]), np.asarray(targets).ravel()[wrong[0]], noisy)
        self.dataset, self.noisy = dataset, noisy

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
        image, label = self.dataset[position][:2]
        if not self._known and int(label) != self.noisy.clean[position]:
            self._refuse(position, label, self.noisy)
        return image, int(self.noisy.labels[position]), position

    @staticmethod
    def _refuse(position: int, label: Any, noisy: NoisyLabels) -> None:
        raise ValueError(
            f"sample {position} has label {label} in the data set but true label {noisy.clean[position]} in the corruption; "
            "was it made from this data set, in this order?"
        )
