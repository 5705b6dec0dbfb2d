"""Wide residual networks (Zagoruyko and Komodakis 2016), and the wide bottleneck network of DLB's public code."""

import functools
from typing import Annotated

from noisylab.core.checks import Bound
from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone
from noisylab.models.preact_resnet import PreActResNet
from noisylab.models.resnet import Bottleneck, ResNet


def _wide(depth: int, factor: int, num_classes: int, in_channels: int, dropout: float) -> PreActResNet:
    """WRN-depth-factor: 6n + 4 layers and `factor` times 16, 32, 64 channels."""
    widths = [16 * factor, 32 * factor, 64 * factor]
    return PreActResNet(num_classes, in_channels, stem=16, blocks=(depth - 4) // 6, widths=widths, dropout=dropout)


@MODELS.register("wrn16_4")
def wrn16_4(num_classes: int, in_channels: int = 3, *, dropout: Annotated[float, Bound(ge=0, lt=1)] = 0.0) -> Backbone:
    """WRN-16-4: 64, 128, 256 channels, 2.7 million parameters."""
    return _wide(16, 4, num_classes, in_channels, dropout)


@MODELS.register("wrn28_10")
def wrn28_10(num_classes: int, in_channels: int = 3, *, dropout: Annotated[float, Bound(ge=0, lt=1)] = 0.0) -> Backbone:
    """WRN-28-10: 160, 320, 640 channels, 36.5 million parameters; the paper's dropout is 0.3."""
    return _wide(28, 10, num_classes, in_channels, dropout)


@MODELS.register("wrn20_8")
def wrn20_8(num_classes: int, in_channels: int = 3) -> Backbone:
    """DLB's WRN-20-8: two wide bottlenecks per stage, 64, 128, 256 channels (inside: 128, 256, 512), post-activation.

    20 layers do not fit the 6n + 4 of wide residual networks; this is the network that DLB's public code calls wide_resnet20_8.
    """
    return ResNet(
        num_classes,
        in_channels,
        blocks=[2] * 3,
        widths=[64, 128, 256],
        shortcut="project",
        block=functools.partial(Bottleneck, widen=8),
        stem=16,
    )
