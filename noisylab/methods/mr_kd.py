"""MrKD: memory-replay distillation from earlier copies of the network (Wang et al., Sensors 2021)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, PositiveInt
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo, every_epochs
from noisylab.methods.losses import distillation
from noisylab.methods.provenance import Provenance


def adjusted(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits float[B, K] with the largest logit and that of the given label swapped ("knowledge adjustment")."""
    label = labels[:, None]
    largest, place = logits.max(dim=1, keepdim=True)
    return logits.scatter(1, place, logits.gather(1, label)).scatter(1, label, largest)


def mr_kd_loss(
    logits: Tensor, labels: Tensor, copies: Tensor, *, temperature: float, alpha: float, adjust: bool = True
) -> Tensor:
    """CE + alpha T^2 KL(the mean of the copies' logits, adjusted || student), averaged over the batch.

    logits: float[B, K]; labels: int64[B]; copies: float[M, B, K], without gradient; if M is 0, CE alone.
    """
    loss = functional.cross_entropy(logits, labels)
    if len(copies) == 0:
        return loss
    teacher = copies.detach().to(torch.promote_types(copies.dtype, torch.float32)).mean(dim=0)
    if adjust:
        teacher = adjusted(teacher, labels)
    return loss + alpha * distillation(logits, teacher, temperature=temperature)


@METHODS.register("mr_kd")
class MrKD(Method):
    """CE + alpha T^2 KL(adjusted mean of earlier copies of the network || its prediction) (Wang et al., Sensors 2021).

    The logits of the copies are averaged; the paper also trains a small network to mix them. Before the first copy there is CE
    alone.

    Args:
        copies: How many of the newest copies teach.
        interval: Epochs between copies.
        temperature: The temperature T.
        alpha: Weight of the distillation.
        adjust: Swap the teacher's largest logit with that of the given label, which may be wrong under noise.
    """

    provenance = Provenance(
        "approximation",
        numbers={"copies": "ours", "interval": "ours", "temperature": "ours", "alpha": "ours", "adjust": "paper"},
        deviations=("the network that mixes the copies is missing: their logits are averaged",),
    )

    taken: int

    def __init__(
        self,
        run: RunInfo,
        *,
        copies: PositiveInt = 2,
        interval: PositiveInt = 5,
        temperature: Positive = 3.0,
        alpha: NonNegative = 1.0,
        adjust: bool = True,
    ) -> None:
        super().__init__(run)
        self.backups = nn.ModuleList(Frozen(copy.deepcopy(self.network)) for _ in range(copies))
        self.interval, self.temperature, self.alpha, self.adjust = interval, temperature, alpha, adjust
        self.target_update = every_epochs(interval)
        self.remember(taken=0)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`mr_kd_loss` of the batch."""
        taught = [backup(batch.images) for backup in self.backups[: self.taken]]
        copies = torch.stack(taught) if taught else logits.new_empty(0, *logits.shape)
        weights = {"temperature": self.temperature, "alpha": self.alpha}
        return mr_kd_loss(logits, batch.labels, copies, **weights, adjust=self.adjust)

    def end_epoch(self, epoch: int) -> None:
        """Take a copy if one is due, in place of the oldest."""
        if (epoch + 1) % self.interval == 0:
            oldest = self.backups[self.taken % len(self.backups)]
            assert isinstance(oldest, Frozen)
            oldest.network.load_state_dict(self.network.state_dict())
            self.taken += 1

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:
        """One, and one more for each copy as long as there is one."""
        copies, interval = int(options.get("copies", 2)), int(options.get("interval", 5))
        return 1 + sum(min(epoch // interval, copies) for epoch in range(epochs)) / epochs
