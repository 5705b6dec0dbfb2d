"""Residual networks with CIFAR stems: a 3x3 convolution, no max-pooling (He et al. 2016)."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from noisylab.models.base import Backbone
from noisylab.registries import MODELS

Shortcut = Literal["pad", "project"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = (
                PadShortcut(stride, outputs - inputs)
                if shortcut == "pad"
                else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            )

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)), inplace=True)))
        return functional.relu(out + self.shortcut(x), inplace=True)


class PadShortcut(nn.Module):
    """Every `stride`-th pixel, with zero channels added (option A of He et al. 2016: no parameters)."""

    def __init__(self, stride: int, channels: int) -> None:
        super().__init__()
        self.stride, self.channels = stride, channels

    def forward(self, x: Tensor) -> Tensor:
        """The shortcut's output."""
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.channels))


class ResNet(Backbone):
    """Stages of basic blocks; every stage but the first halves the resolution."""

    def __init__(self, num_classes: int, in_channels: int, *, blocks: list[int], widths: list[int], shortcut: Shortcut) -> None:
        stem = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)
        )
        stages, channels = [], widths[0]
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            strides = [2 if stage else 1, *[1] * (count - 1)]
            layers = []
            for stride in strides:
                layers.append(BasicBlock(channels, width, stride, shortcut))
                channels = width
            stages.append(nn.Sequential(*layers))
        super().__init__(stem, stages, widths, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _thin(depth: int, num_classes: int, in_channels: int) -> ResNet:
    """ResNet of 6n + 2 layers and 16, 32, 64 channels."""
    return ResNet(num_classes, in_channels, blocks=[(depth - 2) // 6] * 3, widths=[16, 32, 64], shortcut="pad")


@MODELS.register("resnet20")
def resnet20(num_classes: int, in_channels: int = 3) -> Backbone:
    """ResNet-20 of the CIFAR experiments: 16, 32, 64 channels, 0.27 million parameters."""
    return _thin(20, num_classes, in_channels)


@MODELS.register("resnet32")
def resnet32(num_classes: int, in_channels: int = 3) -> Backbone:
    """ResNet-32 of the CIFAR experiments: 16, 32, 64 channels, 0.46 million parameters."""
    return _thin(32, num_classes, in_channels)


@MODELS.register("resnet18")
def resnet18(num_classes: int, in_channels: int = 3) -> Backbone:
    """ResNet-18 with a CIFAR stem: 64, 128, 256, 512 channels, 11.2 million parameters."""
    return ResNet(num_classes, in_channels, blocks=[2] * 4, widths=[64, 128, 256, 512], shortcut="project")
