"""Temporal ensembling (Laine & Aila, ICLR 2017), with all samples labelled."""

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound, NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.soft_targets import averaging_rate, gaussian_rise, soft_targets, target_divergence, write_rows

Distance = Literal["squared", "kl"]


def temporal_ensembling_loss(
    logits: Tensor, labels: Tensor, targets: Tensor, *, weight: Tensor | float, distance: Distance = "squared"
) -> Tensor:
    """CE + weight times the distance of p from the target, averaged over the batch (Laine & Aila 2017).

    logits: float[B, K]; labels: int64[B]; targets: float[B, K], averaged probabilities, without gradient. distance: sum_k
    (p_k - t_k)^2, or KL(t || p).
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    if distance == "kl":
        distances = target_divergence(logits, targets)
    else:
        distances = (functional.softmax(logits.to(precision), dim=1) - targets.detach().to(precision)).square().sum(dim=1)
    return functional.cross_entropy(logits.to(precision), labels) + weight * distances.mean()


@METHODS.register("temporal_ensembling")
class TemporalEnsembling(Method):
    """CE + w ||p - t||^2, t the moving average of the sample's predictions of earlier epochs (Laine & Aila, ICLR 2017).

    w rises to `weight` as exp(-5 (1 - x)^2), with x from 0 to 1 over the first 80/300 of the epochs, and is 0 in the first
    epoch, which has no target.

    Args:
        momentum: Of the average, which is corrected for its start from zero; .6 in the paper.
        weight: Final w. Squares are summed over classes: the paper's 30 for their mean over 10 classes is a weight of 3.
        distance: "squared", or "kl" for KL(t || p).
    """

    target_update = "epoch"
    is_base_loss = True

    targets: Tensor
    weight: Tensor
    rate: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        momentum: Annotated[float, Bound(ge=0, lt=1)] = 0.7,
        weight: NonNegative = 3.0,
        distance: Literal["squared", "kl"] = "squared",
    ) -> None:
        super().__init__(run)
        self.momentum, self.final_weight, self.distance, self.epochs = momentum, weight, distance, run.epochs
        self.remember(targets=torch.zeros(run.num_samples, run.num_classes), weight=torch.zeros(()), rate=torch.ones(()))

    def start_epoch(self, epoch: int) -> None:
        """Set the weight, and how much this epoch's predictions count in the average."""
        self.weight.fill_(self.final_weight * gaussian_rise(epoch, self.epochs) if epoch else 0.0)
        self.rate.fill_(averaging_rate(self.momentum, epoch + 1))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`temporal_ensembling_loss` with the average up to the last epoch."""
        targets = self.targets.index_select(0, batch.index)
        return temporal_ensembling_loss(logits, batch.labels, targets, weight=self.weight, distance=self.distance)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Add the predictions to the average."""
        targets = self.targets.index_select(0, batch.index)
        write_rows(self.targets, batch.index, (1 - self.rate) * targets + self.rate * soft_targets(logits))
