"""Co-teaching: two networks choose each other's samples (Han et al., NeurIPS 2018)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import PositiveInt, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.small_loss import SmallLoss, kept_count, smallest


def coteaching_loss(first: Tensor, second: Tensor, labels: Tensor, *, remembered: Tensor | float) -> Tensor:
    """The sum of both networks' cross-entropies, each averaged over the other's samples of smallest loss (Han et al. 2018).

    first, second: logits float[B, K]; labels: int64[B]; remembered: the share R of the batch that is kept: floor(R B) samples,
    at least one. It can be a tensor on the device, so that nothing waits. The choice has no gradient. Computed in at least
    float32.
    """
    return _exchanged(first, second, labels, remembered)[0]


def _exchanged(first: Tensor, second: Tensor, labels: Tensor, remembered: Tensor | float) -> tuple[Tensor, Tensor]:
    """The loss, and bool[B]: the samples that the first network learns from."""
    one, two = (functional.cross_entropy(widened(logits), labels, reduction="none") for logits in (first, second))
    count = kept_count(remembered, len(labels), labels.device)
    of_one, of_two = (smallest(losses, count) for losses in (one, two))
    return (torch.where(of_two, one, 0).sum() + torch.where(of_one, two, 0).sum()) / count, of_two


@METHODS.register("coteaching")
class CoTeaching(SmallLoss):
    """Two networks, each with CE on the other's 1 - min(e / T_k tau, tau) lowest losses (Han et al., NeurIPS 2018).

    The first network is evaluated and recorded. Each loss is averaged over its kept samples; the public code divides by their
    number twice.

    Args:
        forget_rate: tau; None: the realised noise rate of the run, which for CIFAR-10's asymmetric noise is half of the nominal
            rate, as published.
        gradual_epochs: T_k.
        schedule: "paper": e counts finished epochs, so the first epoch keeps all samples. "code": as in the public
            code, tau / (T_k - 1) is dropped in the first epoch already.
    """

    provenance = Provenance(
        "paper",
        numbers={"forget_rate": "paper: the noise rate", "gradual_epochs": "paper", "schedule": "paper"},
        deviations=(
            "T_k is 10 epochs however long the run is (gradual_epochs)",
            "losses are averaged once over the kept samples; the code divides by their number twice",
            "the code's first epoch drops tau / 9 already (schedule='code')",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("paper", optimizer="adam", learning_rate=0.001),
    }

    def __init__(
        self,
        run: RunInfo,
        *,
        forget_rate: UnitInterval | None = None,
        gradual_epochs: PositiveInt = 10,
        schedule: Literal["paper", "code"] = "paper",
    ) -> None:
        super().__init__(run, forget_rate, gradual_epochs)
        self.schedule = schedule

    def ripeness(self, epoch: int) -> float:
        """As the option `schedule` says."""
        if self.schedule == "paper":
            return super().ripeness(epoch)
        return (epoch + 1) / max(self.gradual_epochs - 1, 1)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`coteaching_loss` of both networks on the same images."""
        loss, self.selected = _exchanged(logits, self.second(batch.images), batch.labels, self.remembered)
        return loss
