"""`Batch`: the input of one training step."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class Mix(NamedTuple):
    """How images are mixed: the given labels int64[B] of the second image, and the share float32[B] of the first."""

    labels: Tensor
    share: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch, on the training device.

    Attributes:
        images: float32[B, C, H, W], augmented and normalised.
        labels: int64[B], the given labels.
        index: int64[B], sample ids.
        new: The entries that are this epoch's own presentation of their sample. The others repeat or accompany one.
        mix: How the images are mixed, if they are (mixup, CutMix); labels and index are then those of the first image.
    """

    images: Tensor
    labels: Tensor
    index: Tensor
    new: slice
    mix: Mix | None = None
