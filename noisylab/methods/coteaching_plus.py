"""Co-teaching+: two networks choose each other's samples where they disagree (Yu et al., ICML 2019)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import PositiveInt, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo, whole_epochs
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.small_loss import SmallLoss, kept_count, smallest


def coteaching_plus_loss(
    first: Tensor, second: Tensor, labels: Tensor, *, remembered: Tensor | float, disagreeing: bool = True
) -> tuple[Tensor, Tensor]:
    """The sum of both networks' cross-entropies, each over the other's lowest losses where they disagree (Yu et al. 2019).

    Of the n samples that the networks predict as different classes, each learns from the floor(R n) with the other's lowest
    losses, at least one; from all samples if they agree everywhere.

    first, second: logits float[B, K]; labels: int64[B]; remembered: the share R, a number or a tensor on the device;
    disagreeing: False chooses among all samples, as Co-teaching does. Computed in at least float32.

    Returns:
        The loss, and the samples bool[B] that the first network learns from.
    """
    one, two = (functional.cross_entropy(widened(logits), labels, reduction="none") for logits in (first, second))
    differ = first.argmax(dim=1) != second.argmax(dim=1) if disagreeing else torch.ones_like(labels, dtype=torch.bool)
    count, agree = kept_count(remembered, differ.sum(), labels.device), ~differ.any()
    of_one, of_two = (smallest(torch.where(differ, losses, torch.inf), count) | agree for losses in (one, two))
    count = torch.where(agree, len(labels), count)
    return (torch.where(of_two, one, 0).sum() + torch.where(of_one, two, 0).sum()) / count, of_two


@METHODS.register("coteaching_plus")
class CoTeachingPlus(SmallLoss):
    """Co-teaching, then CE on the other's lowest losses among samples that both predict differently (Yu et al., ICML 2019).

    The first network is evaluated and recorded.

    Args:
        forget_rate: tau; None: the realised noise rate of the run.
        gradual_epochs: The share of each batch that is forgotten rises from 0 to tau over these epochs.
        warm_up: The share of the training with plain Co-teaching.
    """

    provenance = Provenance(
        fidelity="paper",
        numbers={
            "forget_rate": "paper",
            "gradual_epochs": "code",
            "warm_up": "code (20 of 200 epochs on CIFAR-10; 5 on CIFAR-100, which is .025)",
        },
        deviations=(
            "a loss is the mean over its samples; the code divides by their number twice and takes probabilities for logits",
            "forgetting rises as printed, while the code's first epoch forgets tau / 9 already",
            "the warm-up is a share of the run, while gradual_epochs is 10 however long it is",
            "the momentum of Adam does not change during the training",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, main.py", optimizer="adam", learning_rate=0.001, momentum=0.9)
    }

    def __init__(
        self,
        run: RunInfo,
        *,
        forget_rate: UnitInterval | None = None,
        gradual_epochs: PositiveInt = 10,
        warm_up: UnitInterval = 0.1,
    ) -> None:
        super().__init__(run, forget_rate, gradual_epochs)
        self.warm_epochs = whole_epochs(warm_up, run.epochs)
        self.remember(epoch=0)

    def start_epoch(self, epoch: int) -> None:
        """Keep less of each batch, and remember the epoch."""
        super().start_epoch(epoch)
        self.epoch = epoch

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`coteaching_plus_loss` of both networks on the same images."""
        second, disagreeing = self.second(batch.images), self.epoch >= self.warm_epochs
        loss, self.selected = coteaching_plus_loss(
            logits, second, batch.labels, remembered=self.remembered, disagreeing=disagreeing
        )
        return loss
