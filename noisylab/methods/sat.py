"""SAT: self-adaptive training, labels that follow the predictions (Huang et al., NeurIPS 2020)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Momentum, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, whole_epochs
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.soft_targets import last_occurrence, soft_targets, write_rows


def sat_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """sum_i w_i CE(t_i, p_i) / sum_i w_i with w_i = max_k t_ik (Huang et al. 2020).

    logits: float[B, K]; targets: float[B, K], rows are probabilities, without gradient. Computed in at least float32.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    targets = targets.detach().to(log_p.dtype)
    weights = targets.amax(dim=1)
    return -(weights * (targets * log_p).sum(dim=1)).sum() / weights.sum()


@METHODS.register("sat")
class SAT(Method):
    """Weighted CE(t, p), t <- momentum t + (1 - momentum) p from the given label on (Huang et al., NeurIPS 2020).

    Cross-entropy with the given labels up to `start`. From then on every sample's target is first updated by the prediction and
    then used; a sample counts by the largest share of its target.

    Args:
        momentum: Share of the target that stays.
        start: Share of the training after which targets are updated; the public code starts at epoch 60 of 200.
    """

    target_update = "epoch"
    is_base_loss = True
    provenance = Provenance(
        fidelity="code",
        numbers={"momentum": "paper and code", "start": "code, epoch 60 of 200 as a share of the run"},
        deviations=("with several processes each divides by the weights of its own share of the batch",),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, scripts/cifar10/run_sat.sh", "sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4)
    }

    # Rows of zeros are not written yet.
    targets: Tensor
    updates_targets: bool

    def __init__(self, run: RunInfo, *, momentum: Momentum = 0.9, start: UnitInterval = 0.3) -> None:
        super().__init__(run)
        self.momentum, self.first = momentum, whole_epochs(start, run.epochs)
        self.remember(targets=torch.zeros(run.num_samples, run.num_classes), updates_targets=False)

    def start_epoch(self, epoch: int) -> None:
        """Decide whether targets are updated."""
        self.updates_targets = epoch >= self.first

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`sat_loss` with targets that are updated by this batch's predictions; cross-entropy before the start."""
        if not self.updates_targets:
            return functional.cross_entropy(widened(logits), batch.labels)
        # If a sample is in the batch twice, both entries see the remembered target.
        return sat_loss(logits, self._updated(logits, batch).index_select(0, last_occurrence(batch.index)))

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Remember the updated targets."""
        if self.updates_targets:
            write_rows(self.targets, batch.index, self._updated(logits, batch))

    def _updated(self, logits: Tensor, batch: Batch) -> Tensor:
        """The updated targets float[B, K]: momentum t + (1 - momentum) p, in which the first t is the given label."""
        p, held = soft_targets(logits), self.targets.index_select(0, batch.index)
        given = torch.zeros_like(held).scatter_(1, batch.labels[:, None], 1)
        written = held.sum(dim=1, keepdim=True) > 0
        return self.momentum * torch.where(written, held, given) + (1 - self.momentum) * p
