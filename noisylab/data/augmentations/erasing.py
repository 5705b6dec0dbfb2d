"""Black parts of images, after the usual crop and flip."""

import math

import torch
from torch import Tensor

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import AUGMENTATIONS
from noisylab.data.augmentations.crop import AfterCrop


def _erase(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Draw a black rectangle in each image. Positions and sizes are int64[B] pixels and may reach beyond the edges."""
    rows = torch.arange(images.shape[2], device=images.device)[None, :, None]
    columns = torch.arange(images.shape[3], device=images.device)[None, None, :]
    top, left, height, width = (values[:, None, None] for values in (top, left, height, width))
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return images.masked_fill(inside[:, None], 0)


@AUGMENTATIONS.register("cutout", main="size")
class Cutout(AfterCrop):
    """Crop and flip, then a black square of `size` pixels around a random place (DeVries and Taylor, arXiv 2017).

    The paper's sizes: 16 on CIFAR-10, 8 on CIFAR-100. The square may reach beyond the image.
    """

    numbers = 2

    def __init__(self, size: PositiveInt = 16, padding: NonNegativeInt = 4, flip: bool = True) -> None:
        super().__init__(padding, flip)
        self.size = size

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """uint8[B, C, H, W]. Raises ValueError if the square covers an image wherever it is."""
        height, width = images.shape[2:]
        if self.size >= 2 * min(height, width):
            raise ValueError(
                f"cutout needs a size below {2 * min(height, width)} for images of {height}x{width}, got {self.size}"
            )
        top, left = own[:, 0] % height - self.size // 2, own[:, 1] % width - self.size // 2
        side = torch.full_like(top, self.size)
        return _erase(images, top, left, side, side)


@AUGMENTATIONS.register("random_erasing", main="probability")
class RandomErasing(AfterCrop):
    """Crop and flip, then in `probability` of the images a black rectangle (Zhong et al., AAAI 2020).

    It has 2 % to 40 % of the area and sides in a ratio of .3 to 3.3, as published. A side that is too long is cut to the
    image's, instead of drawing again; pixels are black, as in torchvision, instead of random.
    """

    numbers = 5

    def __init__(self, probability: UnitInterval = 0.5, padding: NonNegativeInt = 4, flip: bool = True) -> None:
        super().__init__(padding, flip)
        self.probability = probability

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """uint8[B, C, H, W]."""
        rows, columns = images.shape[2:]
        chance, share, shape, down, right = (own.double() / 2**32).unbind(dim=1)
        area = (0.02 + (0.4 - 0.02) * share) * rows * columns
        low, high = math.log(0.3), math.log(3.3)
        ratio = torch.exp(low + (high - low) * shape)
        height = (area * ratio).sqrt().round().clamp(1, rows)
        width = (area / ratio).sqrt().round().clamp(1, columns)
        height, width = (
            torch.where(chance < self.probability, side, torch.zeros_like(side)).long() for side in (height, width)
        )
        top, left = (down * (rows - height + 1)).long(), (right * (columns - width + 1)).long()
        return _erase(images, top, left, height, width)
