"""`SmallLoss`: two networks that learn from samples with a small loss, of which every epoch keeps fewer."""

import torch
from torch import Tensor

from noisylab.methods.base import Method, RunInfo


def smallest(losses: Tensor, count: Tensor) -> Tensor:
    """bool[B], the `count` smallest of the losses float[B]; of equal ones the first."""
    return losses.detach().argsort(stable=True).argsort() < count


def kept_count(remembered: Tensor | float, entries: Tensor | int, device: torch.device) -> Tensor:
    """floor(remembered times entries), at least one, on the device, so that nothing waits."""
    # .7 may be .69999 in float32, and .7 of 10 samples is 7.
    return torch.as_tensor(remembered * entries + 1e-3, device=device).floor().clamp(min=1)


class SmallLoss(Method):
    """Base class of methods with a second network that keep the share `remembered` = 1 - min(e / T_k, 1) tau of each batch.

    e counts finished epochs, so that the first epoch keeps all samples. The first network is evaluated and recorded.

    Args:
        run: What the method may know about the run.
        forget_rate: tau; None: the realised noise rate of the run.
        gradual_epochs: T_k.

    Raises:
        ValueError: If tau is not given and the noise rate is not known.

    Example:
        >>> class Trimmed(SmallLoss):
        ...     def loss_from_logits(self, logits, batch):
        ...         losses = torch.nn.functional.cross_entropy(logits, batch.labels, reduction="none")
        ...         return losses[smallest(losses, kept_count(self.remembered, len(losses), losses.device))].mean()
    """

    # Two networks.
    passes_per_image = 2

    remembered: Tensor

    def __init__(self, run: RunInfo, forget_rate: float | None, gradual_epochs: int) -> None:
        super().__init__(run)
        self.forget_rate, self.gradual_epochs = run.known_rate(forget_rate), gradual_epochs
        self.second = run.make_network()
        self.remember(remembered=torch.ones(()))

    def start_epoch(self, epoch: int) -> None:
        """Keep less of each batch, down to 1 - tau."""
        self.remembered.fill_(1 - self.forget_rate * min(self.ripeness(epoch), 1))

    def ripeness(self, epoch: int) -> float:
        """The part of tau that is forgotten in an epoch; above 1 it is all of it."""
        return epoch / self.gradual_epochs
