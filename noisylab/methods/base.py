"""The interface that every training method has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from noisylab.data.batch import Batch
from noisylab.data.samplers import Batching


class Step(NamedTuple):
    """loss: scalar to minimise. logits: float[B, K] of all entries of the batch, in its order."""

    loss: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Setting:
    """What a method may know of the run: how to make networks, and the sizes of things. No true labels."""

    make_network: Callable[[], nn.Module]
    num_classes: int
    num_samples: int
    epochs: int


class Method(nn.Module):
    """A training method: it owns its network, says of what its batches are made, and computes their loss.

    `state_dict()` is the whole truth: what a method remembers between steps is a registered buffer.
    """

    batching: ClassVar[Batching] = "plain"

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.network = setting.make_network()

    def loss(self, batch: Batch) -> Step:
        """Loss and logits of one batch, in one forward pass where the method allows it."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K] for evaluation."""
        logits: Tensor = self.network(images)
        return logits

    def start_epoch(self, epoch: int) -> None:
        """Called before the first step of an epoch."""

    def end_epoch(self, epoch: int) -> None:
        """Called after the last step of an epoch."""
