"""CORES2: confidence regularisation and a sieve of samples (Cheng et al., ICLR 2021)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, whole_epochs
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.soft_targets import last_occurrence

# As in the published code: the regulariser of a sure prediction stays finite.
FLOOR = 1e-8

# The published weight is 0 up to epoch 10 of 100, and rises linearly until epoch 39.
RISE = 0.10, 0.39


def kept_by_sieve(logits: Tensor, labels: Tensor) -> Tensor:
    """Which samples have -log p_g <= -1/K sum_k log(p_k + 1e-8): bool[B].

    logits: float[B, K]; labels: int64[B].
    """
    losses, regulariser = functional.cross_entropy(widened(logits), labels, reduction="none"), _penalties(logits)
    return losses <= regulariser.mean(dim=1)


def cores2_loss(logits: Tensor, labels: Tensor, shares: Tensor, *, beta: float, kept: Tensor | None = None) -> Tensor:
    """-log p_g + beta sum_k q_k log(p_k + 1e-8), averaged over the kept samples; 0 if none is kept (Cheng et al. 2021).

    logits: float[B, K]; labels: int64[B]; shares: q, float[K], of the given labels; kept: bool[B], None for all. Computed in at
    least float32.
    """
    losses = functional.cross_entropy(widened(logits), labels, reduction="none")
    losses = losses - beta * (_penalties(logits) * shares.to(losses.dtype)).sum(dim=1)
    if kept is None:
        return losses.mean()
    return torch.where(kept, losses, 0).sum() / kept.sum().clamp(min=1)


def _penalties(logits: Tensor) -> Tensor:
    """-log(p_k + 1e-8): float[B, K]."""
    return -torch.log(functional.softmax(widened(logits), dim=1) + FLOOR)


@METHODS.register("cores2", main="beta")
class CORES2(Method):
    """CE - beta sum_k q_k CE(k), on samples with CE below its mean over all classes (Cheng et al., ICLR 2021).

    q are the shares of the given labels, of the samples that the epoch before kept. As published, beta rises from 0, the sieve
    starts later, and the learning rate is divided by 1 + beta. In a run of few updates, beta rises before the
    classes are learned, and keeps them from being learned.

    Args:
        beta: The weight after its rise, which takes from 10 % to 39 % of the training.
        sieve_from: The share of the training before the sieve; 1: no sieve.
    """

    is_base_loss = True
    target_update = "epoch"
    provenance = Provenance(
        fidelity="code",
        numbers={"beta": "code", "sieve_from": "code (after epoch 30 of 100)"},
        deviations=(
            "the epochs 10, 39 and 31 of 100 are shares of the run",
            "the second phase (consistency training on the dropped samples) is left out, as in the paper's CORES2 without star",
        ),
    )

    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, phase1.py", "sgd", learning_rate=0.1, momentum=0.0, weight_decay=0.0)
    }

    counts: Tensor
    shares: Tensor

    def __init__(self, run: RunInfo, *, beta: NonNegative = 2.0, sieve_from: UnitInterval = 0.31) -> None:
        super().__init__(run)
        self.beta, self.first, self.epochs = beta, whole_epochs(sieve_from, run.epochs), run.epochs
        # Beta is 0 in the first epoch, so that the labels which it shows come in time.
        shares = torch.full((run.num_classes,), 1 / run.num_classes)
        self.remember(epoch=0, shares=shares, counts=torch.zeros(run.num_classes))

    def weight_at(self, epoch: int) -> float:
        """Beta in an epoch."""
        start, stop = RISE
        return self.beta * min(max((epoch / self.epochs - start) / (stop - start), 0), 1)

    def sieves(self) -> bool:
        """Whether samples are dropped in this epoch."""
        return self.epoch >= self.first

    def learning_rate_factor(self, progress: float) -> float:
        """1 / (1 + beta)."""
        return 1 / (1 + self.weight_at(int(progress)))

    def start_epoch(self, epoch: int) -> None:
        """Remember the epoch, and count its labels from zero."""
        self.epoch = epoch
        self.counts.zero_()

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`cores2_loss` of the samples that the sieve keeps."""
        self.selected = kept_by_sieve(logits.detach(), batch.labels) if self.sieves() else None
        weight = self.weight_at(self.epoch)
        return cores2_loss(logits, batch.labels, self.shares, beta=weight, kept=self.selected)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Count the given labels of the samples that are kept, each sample once."""
        logits, labels, index = logits[batch.new], batch.labels[batch.new], batch.index[batch.new]
        counted = last_occurrence(index) == torch.arange(len(index), device=index.device)
        if self.sieves():
            counted = counted & kept_by_sieve(logits, labels)
        # Not bincount, which waits for the device.
        is_class = labels[:, None] == torch.arange(logits.shape[1], device=labels.device)
        self.counts += (is_class & counted[:, None]).sum(dim=0)

    def end_epoch(self, epoch: int) -> None:  # noqa: ARG002
        """The labels that were counted give the next shares, unless nothing was kept."""
        total = self.counts.sum()
        self.shares = torch.where(total > 0, self.counts / total.clamp(min=1), self.shares)
