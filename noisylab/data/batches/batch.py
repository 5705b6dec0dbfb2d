"""`Batch`: what a training method sees of one step."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class Mix(NamedTuple):
    """What else is in mixed images: the given labels int64[B] of the other one, and the share float32[B] of the first."""

    labels: Tensor
    share: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """images: float32[B, C, H, W]; labels: int64[B], the given ones; index: int64[B], sample ids.

    new: the entries that are this epoch's own presentation of their sample; the others repeat one, or accompany one.
    mix: with what images are mixed, if they are (mixup, CutMix); labels and index are those of the first image in each.
    """

    images: Tensor
    labels: Tensor
    index: Tensor
    new: slice
    mix: Mix | None = None
