"""DenseNets for small images (Huang et al. 2017)."""

import copy

import torch
from torch import Tensor, nn

from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone, initialise_convolutions

GROWTH = 12


def _convolve(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Norm, ReLU and a convolution that keeps the resolution."""
    return [
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
    ]


class DenseLayer(nn.Module):
    """The input and `GROWTH` new channels made from it, through 4 * GROWTH channels if `bottleneck`."""

    def __init__(self, inputs: int, *, bottleneck: bool) -> None:
        super().__init__()
        self.networks = 1
        inner = 4 * GROWTH if bottleneck else inputs
        first = _convolve(inputs, inner, 1) if bottleneck else []
        self.new = nn.Sequential(*first, *_convolve(inner, GROWTH, 3))

    def stacked(self, count: int) -> "DenseLayer":
        """The layer of `count` networks side by side, which appends to the channels of each."""
        layer = copy.copy(self)
        layer.networks, layer._modules = count, dict(self._modules)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """float[B, C + GROWTH, H, W] of float[B, C, H, W]."""
        if self.networks == 1:
            return torch.cat([x, self.new(x)], 1)
        parts = [torch.unflatten(held, 1, (self.networks, -1)) for held in (x, self.new(x))]
        return torch.cat(parts, 2).flatten(1, 2)


class DenseNet(Backbone):
    """Three dense blocks of equally many layers; between them a 1x1 convolution and average pooling.

    compressed: DenseNet-BC, with bottlenecks and transitions that halve the channels; else the plain form.
    """

    def __init__(self, depth: int, num_classes: int, in_channels: int, *, compressed: bool) -> None:
        layers = (depth - 4) // (6 if compressed else 3)
        channels = 2 * GROWTH if compressed else 16
        stem = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        stages, widths = [], []
        for stage in range(3):
            block: list[nn.Module] = []
            if stage:
                kept = channels // 2 if compressed else channels
                block += [*_convolve(channels, kept, 1), nn.AvgPool2d(2)]
                channels = kept
            block += [DenseLayer(channels + number * GROWTH, bottleneck=compressed) for number in range(layers)]
            channels += layers * GROWTH
            stages.append(nn.Sequential(*block))
            widths.append(channels)
        super().__init__(stem, stages, widths, num_classes, nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True)))
        initialise_convolutions(self, "fan_in")
        assert isinstance(self.classifier, nn.Linear)
        nn.init.zeros_(self.classifier.bias)


@MODELS.register("densenet40_12")
def densenet40_12(num_classes: int, in_channels: int = 3, *, compressed: bool = True) -> Backbone:
    """DenseNet-BC-40 (k = 12) as in DLB's public code, 0.18 million parameters; compressed=False: 1.0 million."""
    return DenseNet(40, num_classes, in_channels, compressed=compressed)


@MODELS.register("densenet100_12")
def densenet100_12(num_classes: int, in_channels: int = 3, *, compressed: bool = True) -> Backbone:
    """DenseNet-BC-100 (k = 12) as in DLB's public code, 0.77 million parameters; compressed=False: 7.0 million."""
    return DenseNet(100, num_classes, in_channels, compressed=compressed)
