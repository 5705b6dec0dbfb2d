"""Augmentation and normalisation of whole batches on the training device, drawn independently for every entry."""

from typing import Protocol

import torch
from torch import Tensor

from noisylab.core.checks import NonNegativeInt
from noisylab.core.registries import AUGMENTATIONS


class Augmentation(Protocol):
    """`draw` makes random numbers for many entries at once; `__call__` uses them to change the images of some of them."""

    def draw(self, entries: int, generator: torch.Generator) -> Tensor:
        """Random numbers int64[entries, P], one row per entry of the epoch."""

    def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Images uint8[B, C, H, W], changed by their rows of `draw`."""


@AUGMENTATIONS.register("crop")
class Crop:
    """Pad with `padding` black pixels, cut out at a random place, mirror half of the images if `flip`."""

    def __init__(self, padding: NonNegativeInt = 4, flip: bool = True) -> None:
        self.padding, self.flip = padding, flip

    def draw(self, entries: int, generator: torch.Generator) -> Tensor:
        """Row offset, column offset, and whether to mirror: int64[entries, 3]."""
        offsets = torch.randint(2 * self.padding + 1, (entries, 2), generator=generator)
        mirror = torch.randint(2, (entries, 1), generator=generator)
        return torch.cat([offsets, mirror if self.flip else torch.zeros_like(mirror)], dim=1)

    def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:
        """uint8[B, C, H, W], cropped and mirrored."""
        height, width = images.shape[2:]
        padded = torch.nn.functional.pad(images, [self.padding] * 4)
        # A view of all windows; only one per image is copied.
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)
        cropped = windows[torch.arange(len(images), device=images.device), :, drawn[:, 0], drawn[:, 1]]
        return torch.where(drawn[:, 2].bool()[:, None, None, None], cropped.flip(3), cropped) if self.flip else cropped


@AUGMENTATIONS.register("none")
class Unchanged:
    """No augmentation."""

    def draw(self, entries: int, generator: torch.Generator) -> Tensor:  # noqa: ARG002 - nothing is random here
        """int64[entries, 0]."""
        return torch.empty(entries, 0, dtype=torch.int64)

    def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:  # noqa: ARG002
        """The images as they are."""
        return images


class Normalise:
    """float32 images, (pixel / 255 - mean) / std per channel, from uint8[B, C, H, W]."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        shape = (1, len(mean), 1, 1)
        mean_, std_ = torch.tensor(mean, device=device).view(shape), torch.tensor(std, device=device).view(shape)
        self._scale, self._shift = 1 / (255 * std_), -mean_ / std_

    def __call__(self, images: Tensor) -> Tensor:
        """float32[B, C, H, W]."""
        return torch.addcmul(self._shift, images.float(), self._scale)


class AfterCrop:
    """Crop and flip, then `after`, with `numbers` further random numbers below 2^32 for each entry."""

    numbers = 1

    def __init__(self, padding: int, flip: bool) -> None:
        self.crop = Crop(padding, flip)

    def draw(self, entries: int, generator: torch.Generator) -> Tensor:
        """The numbers of the crop, then the further ones: int64[entries, 3 + numbers]."""
        own = torch.randint(2**32, (entries, self.numbers), generator=generator)
        return torch.cat([self.crop.draw(entries, generator), own], dim=1)

    def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:
        """uint8[B, C, H, W]."""
        own = drawn[:, -self.numbers :]
        return self.after(self.crop(images, drawn[:, : -self.numbers]), own)

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """Change the cropped images."""
        raise NotImplementedError
