"""JoCoR: two networks agree, and learn from the samples on which they do (Wei et al., CVPR 2020)."""

from collections.abc import Mapping
from typing import ClassVar

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
class JoCoR(SmallLoss):
    """Two networks, one loss (1 - w) CE + w symmetric KL of both, on its smallest samples (Wei et al., CVPR 2020).

    The 1 - min(e / T_k tau, tau) samples of smallest joint loss are kept. One optimiser trains both networks, and the gradient
    reaches both in every term. The first network is evaluated and recorded. The paper's weight is .9 on CIFAR-10 (.65 at
    symmetric .8) and .85 on CIFAR-100. That leaves little of CE: in a short run, whole classes can be forgotten before they are
    learned, by SGD at a common rate more than by the published Adam (see the recipe).

    Args:
        weight: w of the divergences.
        forget_rate: tau; None: the realised noise rate of the run, which for CIFAR-10's asymmetric noise is half of the nominal
            rate, as published.
        gradual_epochs: T_k; e counts finished epochs, so the first epoch keeps all samples.
    """

    provenance = Provenance(
        fidelity="paper",
        numbers={
            "weight": "paper, CIFAR-10; the .1 of the public code is only its command line's default",
            "forget_rate": "paper, the noise rate",
            "gradual_epochs": "paper and code",
        },
        deviations=(
            "T_k is 10 epochs however long the run is (gradual_epochs); the same share of a short run loses whole classes",
            "forgetting rises as printed, while the code's first epoch forgets tau / 9 already",
            "the momentum of Adam does not change during the training",
            "the first network is measured, while the code reports the mean of both",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, main.py", "adam", learning_rate=1e-3, momentum=0.9)
    }

    def __init__(
        self,
        run: RunInfo,
        *,
        weight: UnitInterval = 0.9,
        forget_rate: UnitInterval | None = None,
        gradual_epochs: PositiveInt = 10,
    ) -> None:
        super().__init__(run, forget_rate, gradual_epochs)
        self.weight = weight

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The mean of the smallest `joint_losses` of both networks on the same images."""
        losses = joint_losses(logits, self.second(batch.images), batch.labels, weight=self.weight)
        count = kept_count(self.remembered, len(losses), losses.device)
        self.selected = smallest(losses, count)
        return torch.where(self.selected, losses, 0).sum() / count
