"""VGG with batch norm for small images (Simonyan and Zisserman 2015)."""

from torch import nn

from noisylab.core.checks import NonNegativeInt
from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone, initialise_convolutions

WIDTHS = [64, 128, 256, 512, 512]


class VGG(Backbone):
    """Five stages of 3x3 convolutions with batch norm and ReLU, each ending in max-pooling.

    hidden: linear layers of 512 units with ReLU between pooling and the last linear layer. Pooling rounds sizes up, so that
    images of 8x8 and 28x28 pixels pass all five; multiples of 32 are not affected.
    """

    def __init__(self, num_classes: int, in_channels: int, *, convolutions: list[int], hidden: int) -> None:
        stages, channels = [], in_channels
        for count, width in zip(convolutions, WIDTHS, strict=True):
            layers: list[nn.Module] = []
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                channels = width
            stages.append(nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True)))
        super().__init__(nn.Identity(), stages, WIDTHS, num_classes)
        if hidden:
            inner = [layer for _ in range(hidden) for layer in (nn.Linear(channels, channels), nn.ReLU(inplace=True))]
            self.classifier = nn.Sequential(*inner, self.classifier)
        initialise_convolutions(self)


@MODELS.register("vgg16")
def vgg16(num_classes: int, in_channels: int = 3, *, hidden: NonNegativeInt = 0) -> Backbone:
    """VGG-16 with batch norm, 14.7 million parameters: one linear layer; hidden=2 adds the two of DLB's public code."""
    return VGG(num_classes, in_channels, convolutions=[2, 2, 3, 3, 3], hidden=hidden)


@MODELS.register("vgg19")
def vgg19(num_classes: int, in_channels: int = 3, *, hidden: NonNegativeInt = 0) -> Backbone:
    """VGG-19 with batch norm, 20.0 million parameters: one linear layer; hidden=2 adds the two of DLB's public code."""
    return VGG(num_classes, in_channels, convolutions=[2, 2, 4, 4, 4], hidden=hidden)
