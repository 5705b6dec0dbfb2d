"""`Averaged`: a teacher whose weights are the moving average of a network's."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Averaged(nn.Module):
    """A copy of a network whose parameters follow it as a moving average, without gradient.

    Only parameters are averaged. Unlike a `Frozen` teacher it is in training mode while its method is, so that batch norm
    normalises by the batch at hand and keeps running statistics of the average's own passes.

    Args:
        network: From images to logits. It is copied.

    Example:
        >>> from noisylab.models import create_model
        >>> network = create_model("small_cnn", num_classes=10)
        >>> teacher = Averaged(network)
        >>> teacher.update(network.parameters(), decay=0.99)
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K], detached."""
        with torch.no_grad():
            logits: Tensor = self.network(images)
        return logits

    @torch.no_grad()
    def update(self, parameters: Iterable[nn.Parameter], *, decay: float) -> None:
        """Average <- decay average + (1 - decay) parameters."""
        torch._foreach_lerp_(list(self.network.parameters()), list(parameters), 1 - decay)
