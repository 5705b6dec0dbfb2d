"""Stronger augmentations, each after the usual crop and flip."""

import math
from typing import Any

import torch
from torch import Tensor

from noisylab.checks import Count, Fraction, Natural, checked
from noisylab.data.augment import Crop
from noisylab.registries import AUGMENT


class _AfterCrop:
    """What comes after crop and flip, with `numbers` random numbers of its own below 2^32 for each entry."""

    numbers = 1

    def __init__(self, padding: int, flip: bool) -> None:
        self.crop = Crop(padding, flip)

    def draw(self, entries: int, generator: torch.Generator) -> Tensor:
        """Those of the crop, then its own: int64[entries, 3 + numbers]."""
        own = torch.randint(2**32, (entries, self.numbers), generator=generator)
        return torch.cat([self.crop.draw(entries, generator), own], dim=1)

    def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:
        """uint8[B, C, H, W]."""
        own = drawn[:, -self.numbers :]
        return self.after(self.crop(images, drawn[:, : -self.numbers]), own)

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """What is done to the cropped images."""
        raise NotImplementedError


def _erase(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Images with a black rectangle each; all int64[B], in pixels, and may reach beyond the edges."""
    rows = torch.arange(images.shape[2], device=images.device)[None, :, None]
    columns = torch.arange(images.shape[3], device=images.device)[None, None, :]
    top, left, height, width = (values[:, None, None] for values in (top, left, height, width))
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return images.masked_fill(inside[:, None], 0)


@AUGMENT.register("cutout", main="size")
class Cutout(_AfterCrop):
    """Crop and flip, then a black square of `size` pixels around a random place (DeVries and Taylor, arXiv 2017).

    The paper's sizes: 16 on CIFAR-10, 8 on CIFAR-100. The square may reach beyond the image.
    """

    numbers = 2

    @checked
    def __init__(self, size: Count = 16, padding: Natural = 4, flip: bool = True) -> None:
        super().__init__(padding, flip)
        self.size = size

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """uint8[B, C, H, W]. Raises ValueError for images that the square would cover wherever it lies."""
        height, width = images.shape[2:]
        if self.size >= 2 * min(height, width):
            raise ValueError(
                f"cutout needs a size below {2 * min(height, width)} for images of {height}x{width}, got {self.size}"
            )
        top, left = own[:, 0] % height - self.size // 2, own[:, 1] % width - self.size // 2
        side = torch.full_like(top, self.size)
        return _erase(images, top, left, side, side)


@AUGMENT.register("random_erasing", main="probability")
class RandomErasing(_AfterCrop):
    """Crop and flip, then in `probability` of the images a black rectangle (Zhong et al., AAAI 2020).

    As published: of 2 % to 40 % of the area, sides in a ratio of .3 to 3.3, and drawn anew where it does not fit; here a side
    that is too long is cut to the image's. Black, as torchvision's default, instead of the paper's random pixels.
    """

    numbers = 5

    @checked
    def __init__(self, probability: Fraction = 0.5, padding: Natural = 4, flip: bool = True) -> None:
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


class _Policy(_AfterCrop):
    """Crop and flip, then a transform of torchvision, drawn for every image on its own."""

    transform: Any

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """uint8[B, C, H, W]. The transforms treat a batch as one image, so each image goes alone, with its own seed."""
        with torch.random.fork_rng(devices=[]):
            done = []
            for image, seed in zip(images, own[:, 0].tolist(), strict=True):
                torch.default_generator.manual_seed(seed)
                done.append(self.transform(image))
        return torch.stack(done)


@AUGMENT.register("autoaugment", main="policy")
class AutoAugment(_Policy):
    """Crop and flip, then a pair of operations of a learnt policy: cifar10, svhn or imagenet (Cubuk et al., CVPR 2019)."""

    @checked
    def __init__(self, policy: str = "cifar10", padding: Natural = 4, flip: bool = True) -> None:
        from torchvision.transforms import AutoAugmentPolicy, v2

        super().__init__(padding, flip)
        policies = {each.value: each for each in AutoAugmentPolicy}
        if policy not in policies:
            raise ValueError(f"policy must be one of {', '.join(sorted(policies))}, got {policy!r}")
        self.transform = v2.AutoAugment(policies[policy])


@AUGMENT.register("randaugment", main="magnitude")
class RandAugment(_Policy):
    """Crop and flip, then `operations` of 14 drawn at random, all of one magnitude (Cubuk et al., NeurIPS 2020)."""

    @checked
    def __init__(self, magnitude: Natural = 9, operations: Count = 2, padding: Natural = 4, flip: bool = True) -> None:
        from torchvision.transforms import v2

        super().__init__(padding, flip)
        if magnitude > 30:
            raise ValueError(f"magnitude must be in [0, 30], got {magnitude}")
        self.transform = v2.RandAugment(operations, magnitude)


@AUGMENT.register("trivialaugment")
class TrivialAugment(_Policy):
    """Crop and flip, then one operation of a random magnitude (Mueller and Hutter, ICCV 2021)."""

    @checked
    def __init__(self, padding: Natural = 4, flip: bool = True) -> None:
        from torchvision.transforms import v2

        super().__init__(padding, flip)
        self.transform = v2.TrivialAugmentWide()


@AUGMENT.register("random_resized_crop", main="smallest")
class RandomResizedCrop:
    """A part of random area and shape, resized to the image's size, and mirrored half of the time (Szegedy et al., CVPR 2015).

    Of `smallest` to all of the area, with sides in a ratio of 3/4 to 4/3, as torchvision's RandomResizedCrop; a side that is
    too long is cut to the image's. Out of streamed images it is cut in the size of their files. It replaces the usual crop.
    """

    @checked
    def __init__(self, smallest: Fraction = 0.08, flip: bool = True) -> None:
        if smallest == 0:
            raise ValueError("smallest must be a share of the area above 0, got 0")
        self.smallest, self.flip = smallest, flip

    def draw(self, entries: int, generator: torch.Generator) -> Tensor:
        """Area, shape, two offsets and whether to mirror, in 2^32nds: int64[entries, 5]."""
        return torch.randint(2**32, (entries, 5), generator=generator)

    def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:
        """uint8[B, C, H, W]."""
        rows, columns = images.shape[2:]
        top, left, height, width, mirrored = self._boxes(drawn, rows, columns)
        across = (torch.arange(columns, device=images.device) + 0.5) / columns
        across = torch.where(mirrored[:, None], 1 - across, across)
        down = (torch.arange(rows, device=images.device) + 0.5) / rows
        # Pixel centres within the box, clamped to it, as coordinates from -1 to 1 of the whole image.
        y = _within(top[:, None], height[:, None], down[None], rows)
        x = _within(left[:, None], width[:, None], across, columns)
        grid = torch.stack([x[:, None, :].expand(-1, rows, -1), y[:, :, None].expand(-1, -1, columns)], dim=3)
        cut = torch.nn.functional.grid_sample(images.float(), grid.float(), align_corners=False, padding_mode="border")
        return cut.round().clamp(0, 255).to(torch.uint8)

    def one(self, image: Tensor, drawn: Tensor, size: tuple[int, int]) -> Tensor:
        """uint8[C, H, W] of a size (height, width), from an image uint8[C, h, w] of any."""
        from torchvision.transforms.v2 import functional

        top, left, height, width, mirrored = (value.item() for value in self._boxes(drawn[None], *image.shape[1:]))
        box = int(top), int(left), int(height), int(width)
        cut: Tensor = functional.resized_crop(image, *box, list(size), antialias=True)
        return cut.flip(2) if mirrored else cut

    def _boxes(self, drawn: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Top, left, height and width in pixels, and whether to mirror. A side that is too long is cut to the image's."""
        share, shape, down, right, mirror = (drawn.double() / 2**32).unbind(dim=1)
        area = (self.smallest + (1 - self.smallest) * share) * rows * columns
        ratio = torch.exp((2 * shape - 1) * math.log(4 / 3))
        height = (area / ratio).sqrt().round().clamp(1, rows)
        width = (area * ratio).sqrt().round().clamp(1, columns)
        top, left = (down * (rows - height + 1)).floor(), (right * (columns - width + 1)).floor()
        return top, left, height, width, (mirror < 0.5) & self.flip


def _within(start: Tensor, length: Tensor, place: Tensor, whole: int) -> Tensor:
    """Where places in [0, 1] of a box lie, for `grid_sample`: no nearer to its edge than the middle of its outermost pixels."""
    inside = torch.minimum((place * length).clamp(min=0.5), length - 0.5)
    return 2 * (start + inside) / whole - 1
