"""`Backbone`: the base class of every network."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import PositiveInt
from noisylab.core.registries import MODELS
from noisylab.core.specs import Spec


class Backbone(nn.Module):
    """A network in stages: stem, stages, average pooling, classifier.

    Args:
        stem: From images to the first stage.
        stages: One module per stage.
        widths: Channels after each stage; the last one is the input of the classifier.
        num_classes: The number K of classes.
        tail: Follows the last stage before pooling (the norm of pre-activation networks).

    Example:
        >>> from noisylab.models import create_model
        >>> create_model("resnet20", num_classes=10).widths
        (16, 32, 64)
    """

    def __init__(
        self,
        stem: nn.Module,
        stages: Sequence[nn.Module],
        widths: Sequence[int],
        num_classes: int,
        tail: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stem, self.stages, self.widths = stem, nn.ModuleList(stages), tuple(widths)
        self.tail = nn.Identity() if tail is None else tail
        self.classifier: nn.Module = nn.Linear(self.widths[-1], num_classes)

    def stage_outputs(self, images: Tensor) -> list[Tensor]:
        """Feature maps float[B, C_i, H_i, W_i] of images float[B, C, H, W] after each stage; the last one is after the tail."""
        outputs, features = [], self.stem(images)
        for stage in self.stages:
            features = stage(features)
            outputs.append(features)
        return [*outputs[:-1], self.tail(features)]

    def pool(self, features: Tensor) -> Tensor:
        """The last feature map, averaged over its pixels: float[B, D], the input of the classifier."""
        return torch.flatten(functional.adaptive_avg_pool2d(features, 1), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K]."""
        features = self.stem(images)
        # Not through stage_outputs, which would keep the maps of every stage alive.
        for stage in self.stages:
            features = stage(features)
        logits: Tensor = self.classifier(self.pool(self.tail(features)))
        return logits


def create_model(spec: str | Spec, num_classes: PositiveInt, in_channels: PositiveInt = 3) -> Backbone:
    """The network that a spec names, with fresh weights from torch's generator.

    Args:
        spec: A registered network, with options if it has any: `"resnet18"`, `"small_cnn:32"`, `"timm:convnext_atto"`.
        num_classes: The number of logits.
        in_channels: Channels of the images.

    Returns:
        A `Backbone` from images float32[B, C, H, W] to logits float32[B, K].

    Raises:
        ValueError: For an unknown network or option.

    Example:
        >>> import torch
        >>> from noisylab.models import create_model
        >>> create_model("small_cnn", num_classes=10, in_channels=1)(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    network: Backbone = MODELS.create(spec, num_classes=num_classes, in_channels=in_channels)
    return network


def initialise_convolutions(network: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_out") -> None:
    """Draw the weights of all convolutions from N(0, 2 / fan) (He et al. 2015), and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
