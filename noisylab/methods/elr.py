"""ELR: early-learning regularisation (Liu et al., NeurIPS 2020)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound, NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.soft_targets import last_occurrence, write_rows

# As in the published code, probabilities are clamped to [CLAMP, 1 - CLAMP], so that the logarithm stays finite.
CLAMP = 1e-4


def clamped_probabilities(logits: Tensor) -> Tensor:
    """softmax(z) clamped to [1e-4, 1 - 1e-4], in at least float32. Clamped entries get no gradient."""
    precision = torch.promote_types(logits.dtype, torch.float32)
    return functional.softmax(logits.to(precision), dim=1).clamp(CLAMP, 1 - CLAMP)


def updated_targets(targets: Tensor, logits: Tensor, *, momentum: float) -> Tensor:
    """The updated targets: momentum t + (1 - momentum) p, with p clamped and normalised again, without gradient."""
    p = clamped_probabilities(logits.detach())
    return momentum * targets + (1 - momentum) * p / p.sum(dim=1, keepdim=True)


def elr_loss(logits: Tensor, labels: Tensor, targets: Tensor, *, weight: float) -> Tensor:
    """CE + weight log(1 - <t, p>), averaged over the batch, p clamped (Liu et al. 2020).

    logits: float[B, K]; labels: int64[B]; targets: float[B, K], without gradient. The loss can be negative: the second
    term falls without bound as p approaches t.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    agreement = (targets.detach().to(precision) * clamped_probabilities(logits)).sum(dim=1)
    return functional.cross_entropy(logits.to(precision), labels) + weight * torch.log(1 - agreement).mean()


@METHODS.register("elr")
class ELR(Method):
    """CE + weight log(1 - <t, p>), t <- momentum t + (1 - momentum) p for every sample (Liu et al., NeurIPS 2020).

    As published, the target starts at 0 and is updated by the current prediction before it is used. The paper has momentum .7
    and weight 3 on CIFAR-10 (.9 and 1 under asymmetric noise), and .9 and 7 on CIFAR-100.
    """

    target_update = "epoch"
    is_base_loss = True
    provenance = Provenance(
        "code",
        numbers={"momentum": "paper, CIFAR-10, symmetric noise", "weight": "paper, CIFAR-10, symmetric noise"},
        deviations=("CIFAR-10 with asymmetric noise has momentum=0.9, weight=1 there, and CIFAR-100 momentum=0.9, weight=7",),
        published="CIFAR-10, ResNet-34, symmetric .2/.4/.6/.8 (true class included): 91.16/89.15/86.12/73.86 %; not run here",
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("paper, CIFAR-10", learning_rate=0.02, weight_decay=1e-3),
    }

    targets: Tensor

    def __init__(self, run: RunInfo, *, momentum: Annotated[float, Bound(ge=0, lt=1)] = 0.7, weight: NonNegative = 3.0) -> None:
        super().__init__(run)
        self.momentum, self.weight = momentum, weight
        self.remember(targets=torch.zeros(run.num_samples, run.num_classes))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`elr_loss` with targets that are updated by this batch's predictions."""
        updated = updated_targets(self.targets.index_select(0, batch.index), logits, momentum=self.momentum)
        # If a sample is in the batch twice, both entries see the remembered target.
        targets = updated.index_select(0, last_occurrence(batch.index))
        return elr_loss(logits, batch.labels, targets, weight=self.weight)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Remember the updated targets."""
        updated = updated_targets(self.targets.index_select(0, batch.index), logits, momentum=self.momentum)
        write_rows(self.targets, batch.index, updated)
