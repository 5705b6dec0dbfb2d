"""Gradients of layers whose maps have few pixels, which torch's kernels for CPUs take several times as long for as needed."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# The most pixels of a map whose convolution gets its weights' gradient from a product of matrices (at 2x2 a third of the time
# of oneDNN's kernel without AVX-512, at 4x4 more).
PIXELS = 4
# A multiple of the numbers that a processor computes at once.
ALIGNED = 16


def convolve(images: Tensor, weight: Tensor, groups: int) -> Tensor:
    """The convolution with 3x3 kernels that keeps the size of channels-last images, without bias."""
    result: Tensor = _Convolve.apply(images, weight, groups)
    return result


def pays(images: Tensor, weight: Tensor, groups: int) -> bool:
    """Whether `convolve` is faster, and gives the same bits in every group."""
    return (
        images.device.type == "cpu"
        and images.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and images.shape[2] * images.shape[3] <= PIXELS
        and weight.shape[1] % ALIGNED == 0
        and len(weight) // groups % ALIGNED == 0
    )


def pool(features: Tensor) -> Tensor:
    """float[B, C], the means over the pixels of features [B, C, H, W], each summed in the same order."""
    result: Tensor = _Pool.apply(features)
    return result


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, groups: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.groups = groups
        return functional.conv2d(images, weight, None, 1, 1, 1, groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (images, weight), groups = ctx.saved_tensors, ctx.groups
        of_images: Tensor | None = None
        if ctx.needs_input_grad[0]:
            sides = [1, 1]
            of_images, _, _ = torch.ops.aten.convolution_backward(
                gradient, images, weight, None, sides, sides, sides, False, [0, 0], groups, [True, False, False]
            )
        padded = functional.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1).unflatten(3, (groups, -1))  # type: ignore[no-untyped-call]
        # [G, pixels of all images, numbers of a window], in the order of channels-last weights.
        windows = padded.unfold(1, 3, 1).unfold(2, 3, 1).permute(3, 0, 1, 2, 5, 6, 4).flatten(4).flatten(1, 3)
        per_pixel = gradient.permute(0, 2, 3, 1).reshape(len(windows[0]), groups, -1).permute(1, 2, 0)
        of_weight = torch.bmm(per_pixel, windows).view(len(weight), 3, 3, -1).permute(0, 3, 1, 2)
        return of_images, of_weight, None


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.shape = features.shape
        return functional.avg_pool2d(features, features.shape[2:]).flatten(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        _, _, height, width = ctx.shape
        spread = (gradient / (height * width))[:, :, None, None].expand(ctx.shape)
        return spread.contiguous(memory_format=torch.channels_last)
