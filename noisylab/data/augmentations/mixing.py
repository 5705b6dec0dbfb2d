"""Augmentations that mix each image with another one of its batch, after the usual crop and flip. Labels are mixed too."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.core.checks import NonNegativeInt, Positive, UnitInterval
from noisylab.core.registries import AUGMENTATIONS
from noisylab.data.augmentations.crop import Augmentation, Crop


@runtime_checkable
class Mixing(Augmentation, Protocol):
    """An augmentation that mixes images: `draw_mix` draws once an epoch for every sample, and `mix` mixes."""

    def draw_mix(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Random numbers float64[samples, M]."""

    def mix(self, images: Tensor, partners: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed images float32[B, C, H, W], and the share float32[B] of the first in each, from the rows of `draw_mix`."""


@AUGMENTATIONS.register("mixup", main="alpha")
class Mixup(Crop):
    """Crop and flip, then share x + (1 - share) x', and labels too, share from Beta(alpha, alpha) (Zhang et al., ICLR 2018).

    Every image has its own share; the public code has one for a batch.
    """

    def __init__(self, alpha: Positive = 1.0, padding: NonNegativeInt = 4, flip: bool = True) -> None:
        super().__init__(padding, flip)
        self.alpha = alpha

    def draw_mix(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """The shares: float64[samples, 1]."""
        return rng.beta(self.alpha, self.alpha, (samples, 1))

    def mix(self, images: Tensor, partners: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """float32[B, C, H, W] and float32[B]."""
        share = drawn[:, 0].float()
        return torch.lerp(partners, images, share[:, None, None, None]), share


@AUGMENTATIONS.register("cutmix", main="probability")
class CutMix(Crop):
    """Crop and flip, then a box of another image in `probability` of the images, labels by area (Yun et al., ICCV 2019).

    The box is centred on a random place, has sqrt(1 - l) of each side with l from Beta(alpha, alpha), and is cut at the edges.
    By default half of the images get one, as in the public code on CIFAR. Every image has its own box; the public code has one
    for a batch.
    """

    def __init__(
        self, probability: UnitInterval = 0.5, alpha: Positive = 1.0, padding: NonNegativeInt = 4, flip: bool = True
    ) -> None:
        super().__init__(padding, flip)
        self.probability, self.alpha = probability, alpha

    def draw_mix(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """The box's share of the sides (0: no box), and its centre as shares of the sides: float64[samples, 3]."""
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha, samples))
        place, chance = rng.random((samples, 2)), rng.random(samples)
        return np.column_stack([np.where(chance < self.probability, side, 0), place])

    def mix(self, images: Tensor, partners: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """float32[B, C, H, W] and float32[B]; the share counts the remaining pixels of the first image."""
        inside = None
        for column, length in ((1, images.shape[2]), (2, images.shape[3])):
            middle, half = (drawn[:, column] * length).floor(), (drawn[:, 0] * length).floor() // 2
            pixels = torch.arange(length, device=images.device)
            along = (pixels >= (middle - half)[:, None]) & (pixels < (middle + half)[:, None])
            inside = along if inside is None else inside[:, :, None] & along[:, None, :]
        assert inside is not None
        return torch.where(inside[:, None], partners, images), 1 - inside.float().mean(dim=(1, 2))
