"""Augmentations that mix each image with another one of its batch, after the usual crop and flip; labels are mixed alike."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.checks import Fraction, Natural, Positive, checked
from noisylab.data.augment import Augmentation, Crop
from noisylab.data.samplers import LastBatchSampler, PlainSampler, Whole
from noisylab.registries import AUGMENT
from noisylab.seeds import derive_seed


@runtime_checkable
class Mixing(Augmentation, Protocol):
    """An augmentation that mixes: `draw_mix` decides how, for every sample once an epoch, and `mix` does it."""

    def draw_mix(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Random numbers float64[samples, M]."""

    def mix(self, images: Tensor, partners: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed images float32[B, C, H, W], and the share float32[B] of the first in each, from the rows of `draw_mix`."""


@AUGMENT.register("mixup", main="alpha")
class Mixup(Crop):
    """Crop and flip, then share x + (1 - share) x', labels alike, share from Beta(alpha, alpha) (Zhang et al., ICLR 2018).

    One share for every image, where the public code has one for a batch.
    """

    @checked
    def __init__(self, alpha: Positive = 1.0, padding: Natural = 4, flip: bool = True) -> None:
        super().__init__(padding, flip)
        self.alpha = alpha

    def draw_mix(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """The shares: float64[samples, 1]."""
        return rng.beta(self.alpha, self.alpha, (samples, 1))

    def mix(self, images: Tensor, partners: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """float32[B, C, H, W] and float32[B]."""
        share = drawn[:, 0].float()
        return torch.lerp(partners, images, share[:, None, None, None]), share


@AUGMENT.register("cutmix", main="probability")
class CutMix(Crop):
    """Crop and flip, then a box of another image in `probability` of the images, labels by area (Yun et al., ICCV 2019).

    The box lies around a random place, has sqrt(1 - l) of each side with l from Beta(alpha, alpha), and is cut at the edges.
    Half of the images, as the public code on CIFAR; drawn for every image, where that has one box for a batch.
    """

    @checked
    def __init__(self, probability: Fraction = 0.5, alpha: Positive = 1.0, padding: Natural = 4, flip: bool = True) -> None:
        super().__init__(padding, flip)
        self.probability, self.alpha = probability, alpha

    def draw_mix(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """The box's share of the sides, 0 where there is none, and its middle as shares of the sides: float64[samples, 3]."""
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha, samples))
        place, chance = rng.random((samples, 2)), rng.random(samples)
        return np.column_stack([np.where(chance < self.probability, side, 0), place])

    def mix(self, images: Tensor, partners: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """float32[B, C, H, W] and float32[B]; the share is that of the pixels that are left."""
        inside = None
        for column, length in ((1, images.shape[2]), (2, images.shape[3])):
            middle, half = (drawn[:, column] * length).floor(), (drawn[:, 0] * length).floor() // 2
            pixels = torch.arange(length, device=images.device)
            along = (pixels >= (middle - half)[:, None]) & (pixels < (middle + half)[:, None])
            inside = along if inside is None else inside[:, :, None] & along[:, None, :]
        assert inside is not None
        return torch.where(inside[:, None], partners, images), 1 - inside.float().mean(dim=(1, 2))


class MixedEntries(NamedTuple):
    """For every entry of an epoch: which entry its partner is int64[E], and its row of `draw_mix` float64[E, M]."""

    partner: NDArray[np.int64]
    drawn: NDArray[np.float64]


def mixed_entries(mixing: Mixing, sampler: PlainSampler, wholes: list[Whole], seed: int, epoch: int) -> MixedEntries:
    """How the entries of an epoch are mixed, a function of the seed and the epoch.

    Partners are drawn within a new half. A half that is repeated is mixed as it was when it was new, with the same partners
    and shares, so that the soft targets that DLB remembers of it are those of what is shown; its crops are new. The second view
    of a twin is mixed as the first.
    """
    sizes = [whole.new for whole in wholes]
    own = _draw(mixing, sizes, seed, epoch)
    before = own if epoch == 0 else _draw(mixing, sizes, seed, epoch - 1)
    lag = sampler.lag if isinstance(sampler, LastBatchSampler) else 0
    partner, drawn, start = [], [], 0
    for step, whole in enumerate(wholes):
        # The first repeated halves are of the epoch before.
        repeated = own[step - lag] if step >= lag else before[step - lag]
        parts = [repeated] * (whole.before > 0) + [own[step]] * (1 + (whole.after > 0))
        for part in parts:
            partner.append(start + part.partner)
            drawn.append(part.drawn)
            start += len(part.partner)
    return MixedEntries(np.concatenate(partner), np.concatenate(drawn))


def _draw(mixing: Mixing, sizes: list[int], seed: int, epoch: int) -> list[MixedEntries]:
    """For each new half of an epoch, the partners within it and the rows of `draw_mix`."""
    rng = np.random.default_rng(derive_seed(seed, "mix", epoch))
    drawn = mixing.draw_mix(sum(sizes), rng)
    stops = np.cumsum(sizes)
    return [MixedEntries(rng.permutation(size), drawn[stop - size : stop]) for size, stop in zip(sizes, stops, strict=True)]
