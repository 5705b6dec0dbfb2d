"""Random resized crops, instead of the usual crop."""

import math
from typing import Annotated

import torch
from torch import Tensor

from noisylab.core.checks import Bound
from noisylab.core.registries import AUGMENTATIONS


@AUGMENTATIONS.register("random_resized_crop", main="smallest")
class RandomResizedCrop:
    """A part of random area and shape, resized to the image's size, and mirrored half of the time (Szegedy et al., CVPR 2015).

    It has `smallest` to all of the area and sides in a ratio of 3/4 to 4/3, like torchvision's RandomResizedCrop. A side
    that is too long is cut to the image's. Streamed images are cut at the size of their files. It replaces the usual crop.
    """

    def __init__(self, smallest: Annotated[float, Bound(gt=0, le=1, written_as="percent")] = 0.08, flip: bool = True) -> None:
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
        """Cut from an image uint8[C, h, w] and resize to `size` (height, width): uint8[C, H, W]."""
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
    """Coordinates for `grid_sample` of places in [0, 1] of a box, clamped to the centres of its outermost pixels."""
    inside = torch.minimum((place * length).clamp(min=0.5), length - 0.5)
    return 2 * (start + inside) / whole - 1
