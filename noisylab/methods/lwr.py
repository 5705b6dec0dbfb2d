"""LWR: learning with retrospection (Deng & Zhang, AAAI 2021)."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive, PositiveInt, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, every_epochs
from noisylab.methods.provenance import Provenance
from noisylab.methods.soft_targets import soft_targets, stair_rise, target_divergence, write_rows


def lwr_loss(logits: Tensor, labels: Tensor, targets: Tensor, *, temperature: float, weight: Tensor | float) -> Tensor:
    """(1 - weight) CE + weight T^2 KL(target || softmax(z / T)), averaged over the batch (Deng & Zhang 2021).

    logits: float[B, K]; labels: int64[B]; targets: float[B, K], softmax(z_old / T), without gradient; weight: in [0, 1],
    0 for cross-entropy alone.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    divergence = target_divergence(logits, targets, temperature=temperature).mean()
    return (1 - weight) * functional.cross_entropy(logits.to(precision), labels) + weight * divergence


@METHODS.register("lwr")
class LWR(Method):
    """(1-w) CE + w T^2 KL(p^T of up to k epochs ago || p^T), w rising to `weight` (Deng & Zhang, AAAI 2021).

    The first k epochs are cross-entropy. In every k-th epoch the training predictions become the targets of the next k epochs.
    w = weight k floor(t/k) / E with t from 1 and E the epochs of the run: a stair, as in the public code.

    Args:
        k: Epochs between renewals of the targets.
        temperature: The temperature T.
        weight: w at the end. The public code's .9 t / 240 comes to .75 in its 200 epochs.
    """

    is_base_loss = True
    provenance = Provenance(
        "code",
        numbers={"k": "code", "temperature": "code", "weight": "code: .9 over 240 epochs, of which it trains 200"},
        deviations=("the weight rises over the run's epochs, however many; the paper's final weight is .9 (weight)",),
    )

    targets: Tensor
    weight: Tensor
    renew: bool

    def __init__(self, run: RunInfo, *, k: PositiveInt = 5, temperature: Positive = 5.0, weight: UnitInterval = 0.75) -> None:
        super().__init__(run)
        self.k, self.temperature, self.final_weight, self.epochs = k, temperature, weight, run.epochs
        self.target_update = every_epochs(k)
        self.remember(targets=torch.zeros(run.num_samples, run.num_classes), weight=torch.zeros(()), renew=False)

    def start_epoch(self, epoch: int) -> None:
        """Set the weight, and whether this epoch's predictions are kept."""
        self.weight.fill_(self.final_weight * stair_rise(epoch, self.epochs, step=self.k) if epoch >= self.k else 0.0)
        self.renew = (epoch + 1) % self.k == 0

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`lwr_loss` with the current targets."""
        targets = self.targets.index_select(0, batch.index)
        return lwr_loss(logits, batch.labels, targets, temperature=self.temperature, weight=self.weight)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """In an epoch that renews the targets, replace them by the predictions."""
        if self.renew:
            write_rows(self.targets, batch.index, soft_targets(logits, temperature=self.temperature))
