"""Residual networks with CIFAR stems: a 3x3 convolution, no max-pooling (He et al. 2016)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone, initialise_convolutions

Shortcut = Literal["pad", "project"]


def make_shortcut(inputs: int, outputs: int, stride: int, shortcut: Shortcut) -> nn.Module:
    """The shortcut of a block: the input itself if it fits, else padded or projected to the block's output."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if shortcut == "pad":
        return PadShortcut(stride, outputs - inputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class PadShortcut(nn.Module):
    """Every `stride`-th pixel, with zero channels added (option A of He et al. 2016: no parameters)."""

    def __init__(self, stride: int, channels: int, networks: int = 1) -> None:
        super().__init__()
        self.stride, self.channels, self.networks = stride, channels, networks

    def stacked(self, count: int) -> "PadShortcut":
        """The shortcut of `count` networks side by side, which adds channels to each."""
        return PadShortcut(self.stride, self.channels, count)

    def forward(self, x: Tensor) -> Tensor:
        """The shortcut's output."""
        pixels = x[:, :, :: self.stride, :: self.stride]
        if self.networks == 1:
            return functional.pad(pixels, (0, 0, 0, 0, 0, self.channels))
        of_each = torch.unflatten(pixels, 1, (self.networks, -1))
        return functional.pad(of_each, (0, 0, 0, 0, 0, self.channels)).flatten(1, 2)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = make_shortcut(inputs, outputs, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)), inplace=True)))
        return functional.relu(out.add_(self.shortcut(x)), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a projection; the inner two have `widen` / 4 times the channels of the output."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: Shortcut, widen: int = 1) -> None:
        super().__init__()
        inner = outputs // 4 * widen
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = make_shortcut(inputs, outputs, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn3(self.conv3(functional.relu(self.bn2(self.conv2(out)), inplace=True)))
        return functional.relu(out.add_(self.shortcut(x)), inplace=True)


class ResNet(Backbone):
    """Stages of residual blocks; every stage but the first halves the resolution.

    blocks, widths: of each stage. block: makes a block from its input and output channels, stride and shortcut. stem: channels
    of the first convolution, if they are not those of the first stage.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        blocks: list[int],
        widths: list[int],
        shortcut: Shortcut,
        block: Callable[[int, int, int, Shortcut], nn.Module] = BasicBlock,
        stem: int | None = None,
    ) -> None:
        channels = stem or widths[0]
        first = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        stages = []
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            strides = [2 if stage else 1, *[1] * (count - 1)]
            layers = []
            for stride in strides:
                layers.append(block(channels, width, stride, shortcut))
                channels = width
            stages.append(nn.Sequential(*layers))
        super().__init__(first, stages, widths, num_classes)
        initialise_convolutions(self)


def _thin(depth: int, num_classes: int, in_channels: int, shortcut: Shortcut) -> ResNet:
    """ResNet of 6n + 2 layers and 16, 32, 64 channels."""
    return ResNet(num_classes, in_channels, blocks=[(depth - 2) // 6] * 3, widths=[16, 32, 64], shortcut=shortcut)


@MODELS.register("resnet20")
def resnet20(num_classes: int, in_channels: int = 3, *, shortcut: Literal["pad", "project"] = "pad") -> Backbone:
    """ResNet-20 of the CIFAR experiments: 16, 32, 64 channels, 0.27 million parameters."""
    return _thin(20, num_classes, in_channels, shortcut)


@MODELS.register("resnet32")
def resnet32(num_classes: int, in_channels: int = 3, *, shortcut: Literal["pad", "project"] = "pad") -> Backbone:
    """ResNet-32 of the CIFAR experiments: 16, 32, 64 channels, 0.46 million parameters; DLB's public code projects."""
    return _thin(32, num_classes, in_channels, shortcut)


@MODELS.register("resnet44")
def resnet44(num_classes: int, in_channels: int = 3, *, shortcut: Literal["pad", "project"] = "pad") -> Backbone:
    """ResNet-44 of the CIFAR experiments: 16, 32, 64 channels, 0.66 million parameters."""
    return _thin(44, num_classes, in_channels, shortcut)


@MODELS.register("resnet56")
def resnet56(num_classes: int, in_channels: int = 3, *, shortcut: Literal["pad", "project"] = "pad") -> Backbone:
    """ResNet-56 of the CIFAR experiments: 16, 32, 64 channels, 0.85 million parameters."""
    return _thin(56, num_classes, in_channels, shortcut)


@MODELS.register("resnet110")
def resnet110(
    num_classes: int,
    in_channels: int = 3,
    *,
    block: Literal["basic", "bottleneck"] = "basic",
    shortcut: Literal["pad", "project"] = "pad",
) -> Backbone:
    """ResNet-110 of the CIFAR experiments, 1.7 million parameters; block='bottleneck' with projections as in DLB's public code.

    DLB's network has three stages of twelve bottlenecks with 64, 128, 256 channels.
    """
    if block == "basic":
        return _thin(110, num_classes, in_channels, shortcut)
    return ResNet(
        num_classes,
        in_channels,
        blocks=[12] * 3,
        widths=[64, 128, 256],
        shortcut=shortcut,
        block=Bottleneck,
        stem=16,
    )


@MODELS.register("resnet18")
def resnet18(num_classes: int, in_channels: int = 3) -> Backbone:
    """ResNet-18 with a CIFAR stem: 64, 128, 256, 512 channels, 11.2 million parameters."""
    return ResNet(num_classes, in_channels, blocks=[2] * 4, widths=[64, 128, 256, 512], shortcut="project")


@MODELS.register("resnet34")
def resnet34(num_classes: int, in_channels: int = 3) -> Backbone:
    """ResNet-34 with a CIFAR stem: 64, 128, 256, 512 channels, 21.3 million parameters."""
    return ResNet(num_classes, in_channels, blocks=[3, 4, 6, 3], widths=[64, 128, 256, 512], shortcut="project")
