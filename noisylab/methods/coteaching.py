"""Co-teaching: two networks choose each other's samples (Han et al., NeurIPS 2018)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import PositiveInt, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe


def smallest(losses: Tensor, count: Tensor) -> Tensor:
    """bool[B], the `count` smallest of the losses float[B]; of equal ones the first."""
    return losses.detach().argsort(stable=True).argsort() < count


def kept_count(remembered: Tensor | float, entries: int, device: torch.device) -> Tensor:
    """floor(remembered times entries), at least one, on the device, so that nothing waits."""
    # .7 may be .69999 in float32, and .7 of 10 samples is 7.
    return torch.as_tensor(remembered * entries + 1e-3, device=device).floor().clamp(1, entries)


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
class CoTeaching(Method):
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

    remembered: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        forget_rate: UnitInterval | None = None,
        gradual_epochs: PositiveInt = 10,
        schedule: Literal["paper", "code"] = "paper",
    ) -> None:
        super().__init__(run)
        rate = run.noise_rate if forget_rate is None else forget_rate
        if rate is None:
            raise ValueError("forget_rate must be given if the noise rate is not known, got None")
        self.forget_rate = rate
        # Dropped is tau times (finished epochs + ahead) / over.
        self.ahead, self.over = (0, gradual_epochs) if schedule == "paper" else (1, max(gradual_epochs - 1, 1))
        self.second = run.make_network()
        self.remember(remembered=torch.ones(()))

    def start_epoch(self, epoch: int) -> None:
        """Keep less of each batch, down to 1 - tau."""
        self.remembered.fill_(1 - self.forget_rate * min((epoch + self.ahead) / self.over, 1))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`coteaching_loss` of both networks on the same images."""
        loss, self.selected = _exchanged(logits, self.second(batch.images), batch.labels, self.remembered)
        return loss

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:  # noqa: ARG003 - the same for all
        """Two networks."""
        return 2.0
