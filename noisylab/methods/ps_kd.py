"""PS-KD: progressive self-knowledge distillation (Kim et al., ICCV 2021)."""

import copy
from typing import Any

import torch
from torch import Tensor

from noisylab.core.checks import UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo
from noisylab.methods.losses import one_hot, soft_cross_entropy
from noisylab.methods.provenance import Provenance
from noisylab.methods.soft_targets import linear_rise, soft_targets, write_rows


def ps_kd_loss(logits: Tensor, labels: Tensor, targets: Tensor, *, alpha: Tensor | float) -> Tensor:
    """CE((1 - alpha) y + alpha target, p), averaged over the batch (Kim et al. 2021).

    logits: float[B, K]; labels: int64[B]; targets: float[B, K], last epoch's probabilities, without gradient; alpha: in
    [0, 1], 0 for cross-entropy alone.
    """
    return soft_cross_entropy(logits, (1 - alpha) * one_hot(labels, targets) + alpha * targets.detach())


@METHODS.register("ps_kd")
class PSKD(Method):
    """CE((1-a) y + a p_last_epoch, p), a rising linearly over the epochs to `alpha` (Kim et al., ICCV 2021).

    The target is the sample's prediction in the epoch before. a = alpha t/E with t from 1; the first epoch has no target and is
    cross-entropy.

    Args:
        alpha: Weight of the target in the last epoch.
        snapshot: Take the prediction from a frozen copy of the network after that epoch, in evaluation mode on the current
            images, with one more forward pass; else from a memory of the training predictions.
    """

    target_update = "epoch"
    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={"alpha": "paper", "snapshot": "code: the outputs of last epoch are kept"},
        published="PreAct ResNet-18 on CIFAR-100: 79.18 % in its paper, where CE has 75.82; not run here",
    )

    targets: Tensor
    weight: Tensor
    taught: bool

    def __init__(self, run: RunInfo, *, alpha: UnitInterval = 0.8, snapshot: bool = False) -> None:
        super().__init__(run)
        self.alpha, self.epochs, self.is_base_loss = alpha, run.epochs, not snapshot
        self.teacher = Frozen(copy.deepcopy(self.network)) if snapshot else None
        self.remember(weight=torch.zeros(()), taught=False)
        if not snapshot:
            self.remember(targets=torch.zeros(run.num_samples, run.num_classes))

    def start_epoch(self, epoch: int) -> None:
        """Set the weight, and take the snapshot."""
        self.taught = epoch > 0
        self.weight.fill_(self.alpha * linear_rise(epoch, self.epochs) if epoch else 0.0)
        if self.teacher is not None and epoch:
            self.teacher.network.load_state_dict(self.network.state_dict())

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`ps_kd_loss` with the targets of the last epoch."""
        if self.teacher is None:
            targets = self.targets.index_select(0, batch.index)
        elif self.taught:
            targets = soft_targets(self.teacher(batch.images))
        else:
            targets = torch.zeros_like(logits)
        return ps_kd_loss(logits, batch.labels, targets, alpha=self.weight)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Replace the targets by the predictions."""
        if self.teacher is None:
            write_rows(self.targets, batch.index, soft_targets(logits))

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:
        """One, and one more for the snapshot from the second epoch on."""
        return 1 + (epochs - 1) / epochs if options.get("snapshot") else 1.0
