"""Temporal ensembling (Laine & Aila, ICLR 2017), with all samples labelled."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Momentum, NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance
from noisylab.methods.soft_targets import averaging_rate, gaussian_rise, soft_targets, write_rows


def temporal_ensembling_loss(logits: Tensor, labels: Tensor, targets: Tensor, *, weight: Tensor | float) -> Tensor:
    """CE + weight times the mean over samples and classes of (p - t)^2 (Laine & Aila 2017).

    logits: float[B, K]; labels: int64[B]; targets: float[B, K], averaged probabilities, without gradient. Computed in at least
    float32.
    """
    z = widened(logits)
    distances = (functional.softmax(z, dim=1) - targets.detach().to(z.dtype)).square()
    return functional.cross_entropy(z, labels) + weight * distances.mean()


@METHODS.register("temporal_ensembling")
class TemporalEnsembling(Method):
    """CE + w mean_k (p - t)^2, t the moving average of the sample's predictions of earlier epochs (Laine & Aila, ICLR 2017).

    w rises to `weight` as exp(-5 (1 - x)^2), with x from 0 to 1 over the first 80/300 of the epochs, and is 0 in the first
    epoch, which has no target. The learning rate rises with it.

    Args:
        momentum: Of the average, which is corrected for its start from zero.
        weight: Final w. The paper has 30 on CIFAR-10 without label noise, and for corrupted labels, on SVHN, 300 and 3000.
        ramp_learning_rate: Let the learning rate rise from exp(-5) of its value over the same epochs.
    """

    target_update = "epoch"
    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={
            "momentum": "paper",
            "weight": "paper, SVHN with corrupted labels, where 3000 is the other one",
            "ramp_learning_rate": "paper",
        },
        deviations=(
            "the ramps take 80/300 of the run's epochs",
            "the study's optimiser and schedule after the ramp",
        ),
    )

    targets: Tensor
    weight: Tensor
    rate: Tensor

    def __init__(
        self, run: RunInfo, *, momentum: Momentum = 0.6, weight: NonNegative = 300.0, ramp_learning_rate: bool = True
    ) -> None:
        super().__init__(run)
        self.momentum, self.final_weight, self.epochs = momentum, weight, run.epochs
        self.ramp_learning_rate = ramp_learning_rate
        self.remember(targets=torch.zeros(run.num_samples, run.num_classes), weight=torch.zeros(()), rate=torch.ones(()))

    def learning_rate_factor(self, progress: float) -> float:
        """The ramp of the weight, without its zero in the first epoch."""
        return gaussian_rise(progress, self.epochs) if self.ramp_learning_rate else 1.0

    def start_epoch(self, epoch: int) -> None:
        """Set the weight, and how much this epoch's predictions count in the average."""
        self.weight.fill_(self.final_weight * gaussian_rise(epoch, self.epochs) if epoch else 0.0)
        self.rate.fill_(averaging_rate(self.momentum, epoch + 1))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`temporal_ensembling_loss` with the average up to the last epoch."""
        targets = self.targets.index_select(0, batch.index)
        return temporal_ensembling_loss(logits, batch.labels, targets, weight=self.weight)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Add the predictions to the average."""
        targets = self.targets.index_select(0, batch.index)
        write_rows(self.targets, batch.index, (1 - self.rate) * targets + self.rate * soft_targets(logits))
