"""The 9-layer network of Co-teaching (Han et al. 2018, Table 1), which many label-noise papers use."""

import itertools
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import Bound
from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone


class PadTo(nn.Module):
    """Pad feature maps that are smaller than `size` with zeros."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """float[B, C, max(H, size), max(W, size)]."""
        height, width = (max(self.size - length, 0) for length in x.shape[2:])
        return functional.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2)) if height or width else x


@MODELS.register("cnn9")
def cnn9(num_classes: int, in_channels: int = 3, *, dropout: Annotated[float, Bound(ge=0, lt=1)] = 0.25) -> Backbone:
    """Co-teaching's 9 convolutions with leaky ReLU, max-pooling and channel dropout, 4.4 million parameters.

    The last three convolutions have no padding and need maps of 7x7; smaller ones (images below 28x28) get a border of zeros.
    The public code leaves dropout on in evaluation; here it is off.
    """

    def block(channels: list[int], padding: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=padding), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01)]
        return layers

    stages = [
        nn.Sequential(*block([in_channels, 128, 128, 128], 1), nn.MaxPool2d(2), nn.Dropout2d(dropout)),
        nn.Sequential(*block([128, 256, 256, 256], 1), nn.MaxPool2d(2), nn.Dropout2d(dropout)),
        nn.Sequential(PadTo(7), *block([256, 512, 256, 128], 0)),
    ]
    return Backbone(nn.Identity(), stages, [128, 256, 128], num_classes)
