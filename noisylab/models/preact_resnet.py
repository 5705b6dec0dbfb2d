"""Pre-activation residual networks: batch norm and ReLU before each convolution (He et al. 2016, Identity Mappings)."""

from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.registries import MODELS
from noisylab.models.base import Backbone, initialise_convolutions


class PreActBlock(nn.Module):
    """Two 3x3 convolutions, each after norm and ReLU, with dropout between them; projections see the normalised input."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.project = None if stride == 1 and inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        normed = functional.relu(self.bn1(x), inplace=True)
        out = self.dropout(functional.relu(self.bn2(self.conv1(normed)), inplace=True))
        total: Tensor = self.conv2(out) + (x if self.project is None else self.project(normed))
        return total


class PreActResNet(Backbone):
    """Stages of pre-activation blocks, every stage but the first halving the resolution, then norm and ReLU."""

    def __init__(
        self, num_classes: int, in_channels: int, *, stem: int, blocks: int, widths: list[int], dropout: float = 0.0
    ) -> None:
        stages, channels = [], stem
        for stage, width in enumerate(widths):
            layers = []
            for stride in [2 if stage else 1, *[1] * (blocks - 1)]:
                layers.append(PreActBlock(channels, width, stride, dropout))
                channels = width
            stages.append(nn.Sequential(*layers))
        first = nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
        super().__init__(first, stages, widths, num_classes, nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True)))
        initialise_convolutions(self)


@MODELS.register("preact_resnet18")
def preact_resnet18(num_classes: int, in_channels: int = 3) -> Backbone:
    """Pre-activation ResNet-18 with a CIFAR stem and a last norm: 64, 128, 256, 512 channels, 11.2 million parameters."""
    return PreActResNet(num_classes, in_channels, stem=64, blocks=2, widths=[64, 128, 256, 512])
