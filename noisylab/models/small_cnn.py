"""A small convolutional network, the default: it trains on digits in seconds on one core."""

from torch import nn

from noisylab.core.checks import PositiveInt
from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone


@MODELS.register("small_cnn", main="width")
def small_cnn(num_classes: int, in_channels: int = 3, *, width: PositiveInt = 16) -> Backbone:
    """Three 3x3 convolutions of 1, 2 and 4 times `width` channels with batch norm, for images of 8x8 to 32x32 pixels."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    stages = [
        nn.Sequential(*block(in_channels, width)),
        nn.Sequential(nn.MaxPool2d(2), *block(width, 2 * width)),
        nn.Sequential(nn.MaxPool2d(2), *block(2 * width, 4 * width)),
    ]
    return Backbone(nn.Identity(), stages, [width, 2 * width, 4 * width], num_classes)
