"""JoCoR: two networks agree, and learn from the samples on which they do (Wei et al., CVPR 2020)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.coteaching import kept_count, smallest
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe


def joint_losses(first: Tensor, second: Tensor, labels: Tensor, *, weight: float) -> Tensor:
    """(1 - w) (CE_1 + CE_2) + w (KL(p_1 || p_2) + KL(p_2 || p_1)) of every sample: float[B] (Wei et al. 2020, eq. 1 to 4).

    first, second: logits float[B, K], both with gradient everywhere; labels: int64[B]. Computed in at least float32.
    """
    one, two = (functional.log_softmax(widened(logits), dim=1) for logits in (first, second))
    supervised = functional.nll_loss(one, labels, reduction="none") + functional.nll_loss(two, labels, reduction="none")
    # Both divergences at once: sum_k (p_1 - p_2) (log p_1 - log p_2).
    agreement = ((one.exp() - two.exp()) * (one - two)).sum(dim=1)
    return (1 - weight) * supervised + weight * agreement


@METHODS.register("jocor")
class JoCoR(Method):
    """Two networks, one loss (1 - w) CE + w symmetric KL of both, on its smallest samples (Wei et al., CVPR 2020).

    The 1 - min(e / T_k tau, tau) samples of smallest joint loss are kept. One optimiser trains both networks, and the gradient
    reaches both in every term. The first network is evaluated and recorded. The paper's weight is .9 on CIFAR-10 (.65 at
    symmetric .8) and .85 on CIFAR-100.

    Args:
        weight: w of the divergences.
        forget_rate: tau; None: the realised noise rate of the run, which for CIFAR-10's asymmetric noise is half of the nominal
            rate, as published.
        gradual: T_k as a share of the run; e counts finished epochs, so the first epoch keeps all samples.
    """

    provenance = Provenance(
        fidelity="paper",
        numbers={
            "weight": "paper, CIFAR-10; the .1 of the public code is only its command line's default",
            "forget_rate": "paper, the noise rate",
            "gradual": "paper and code, 10 of 200 epochs as a share of the run",
        },
        deviations=(
            "forgetting rises as printed, while the code's first epoch forgets tau / 9 already",
            "the momentum of Adam does not change during the training",
            "the first network is measured, while the code reports the mean of both",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, main.py", "adam", learning_rate=1e-3, momentum=0.9)
    }

    remembered: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        weight: UnitInterval = 0.9,
        forget_rate: UnitInterval | None = None,
        gradual: UnitInterval = 0.05,
    ) -> None:
        super().__init__(run)
        rate = run.noise_rate if forget_rate is None else forget_rate
        if rate is None:
            raise ValueError("forget_rate must be given if the noise rate is not known, got None")
        self.weight, self.forget_rate, self.rises = weight, rate, gradual * run.epochs
        self.second = run.make_network()
        self.remember(remembered=torch.ones(()))

    def start_epoch(self, epoch: int) -> None:
        """Keep less of each batch, down to 1 - tau."""
        risen = min(epoch / self.rises, 1) if self.rises else float(epoch > 0)
        self.remembered.fill_(1 - self.forget_rate * risen)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The mean of the smallest `joint_losses` of both networks on the same images."""
        losses = joint_losses(logits, self.second(batch.images), batch.labels, weight=self.weight)
        count = kept_count(self.remembered, len(losses), losses.device)
        self.selected = smallest(losses, count)
        return torch.where(self.selected, losses, 0).sum() / count

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:  # noqa: ARG003 - the same for all
        """Two networks."""
        return 2.0
