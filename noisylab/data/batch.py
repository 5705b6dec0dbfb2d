"""`Batch`: what a training method sees of one step."""

from dataclasses import dataclass

from torch import Tensor

from noisylab.data.samplers import Whole


@dataclass(frozen=True, slots=True)
class Batch:
    """images: float32[B, C, H, W]; labels: int64[B], the given ones; index: int64[B], sample ids.

    new: the entries that are this epoch's own presentation of their sample; the others repeat one, or accompany one.
    whole: where several processes train together, what this is a share of.
    """

    images: Tensor
    labels: Tensor
    index: Tensor
    new: slice
    whole: Whole | None = None
