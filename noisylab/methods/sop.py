"""SOP: the noise of every sample is learned beside the network (Liu et al., ICML 2022)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import one_hot, widened
from noisylab.methods.provenance import Provenance, Recipe

# As in the public code: probabilities below it are raised to it, so that the logarithm stays finite.
FLOOR = 1e-4


def sop_loss(logits: Tensor, labels: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """-log q_g + sum_k (h + U - V - y)_k^2, averaged over the batch, with q = normalised max(p + U - sg V, 1e-4) (Liu 2022).

    U = u^2 y and V = v^2 (1 - y), each clipped to [0, 1], and h the one-hot prediction. Computed in at least float32.

    Args:
        logits: float[B, K].
        labels: int64[B].
        u: float[B, 1], of the batch's samples.
        v: float[B, K].

    Returns:
        The scalar loss. The network learns from its first term alone, v from the second alone, u from both.

    Example:
        >>> z, y = torch.tensor([[0.0, 2.0]]), torch.tensor([1])
        >>> round(sop_loss(z, y, torch.zeros(1, 1), torch.zeros(1, 2)).item(), 4)  # cross-entropy
        0.1269

    Source:
        Liu et al., ICML 2022, and its public code.
    """
    p = functional.softmax(widened(logits), dim=1)
    y = one_hot(labels, p)
    hard = torch.zeros_like(p).scatter_(1, p.argmax(dim=1, keepdim=True), 1)
    for_label = (u.square() * y).clamp(0, 1)
    against_others = (v.square() * (1 - y)).clamp(0, 1)
    q = (p + for_label - against_others.detach()).clamp_min(FLOOR)
    q = (q / q.sum(dim=1, keepdim=True)).clamp_min(FLOOR)
    entropy = -q.gather(1, labels[:, None]).log().mean()
    return entropy + (hard + for_label - against_others - y).square().sum(dim=1).mean()


@METHODS.register("sop")
class SOP(Method):
    """CE of p + u^2 y - v^2 (1 - y), in which u and v learn the noise of every sample (Liu et al., ICML 2022).

    u and v have learning rates of their own, for plain SGD without momentum, decay or schedule. They start at N(0, 1e-8^2) and
    grow by a factor per step on their sample, so a short training hardly sees them. The paper's rates of u and v are 10, 10 on
    CIFAR-10 (10, 100 under asymmetric noise), and 1, 10 on CIFAR-100 (1, 100).

    Args:
        u_rate: Learning rate of u, one number per sample.
        v_rate: Learning rate of v, one number per sample and class.
    """

    is_base_loss = True
    provenance = Provenance(
        fidelity="code",
        numbers={"u_rate": "paper, Table A.1, CIFAR-10", "v_rate": "paper, Table A.1, CIFAR-10 under symmetric noise"},
        deviations=("SOP, without the consistency and the class balance of SOP+",),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe(
            "public code, config_cifar100.json, its only one", "sgd", learning_rate=0.02, momentum=0.9, weight_decay=1e-3
        )
    }

    def __init__(self, run: RunInfo, *, u_rate: NonNegative = 10.0, v_rate: NonNegative = 10.0) -> None:
        super().__init__(run)
        self.u_rate, self.v_rate = u_rate, v_rate
        # At exactly 0 they would never move.
        self.u = nn.Parameter(1e-8 * torch.randn(run.num_samples, 1))
        self.v = nn.Parameter(1e-8 * torch.randn(run.num_samples, run.num_classes))

    def own_learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """The rates of u and v."""
        return [([self.u], self.u_rate), ([self.v], self.v_rate)]

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`sop_loss` with the u and v of the batch's samples."""
        return sop_loss(logits, batch.labels, self.u.index_select(0, batch.index), self.v.index_select(0, batch.index))
