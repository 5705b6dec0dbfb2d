"""Soft bootstrapping: targets mixed with the prediction itself (Reed et al., ICLR workshop 2015)."""

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance


def soft_bootstrap_loss(logits: Tensor, labels: Tensor, *, beta: float) -> Tensor:
    """-sum_k (beta y_k + (1 - beta) p_k) log p_k, averaged over the batch, with gradient through both p (Reed et al. 2015).

    That is beta CE + (1 - beta) times the entropy of the prediction. With p as a constant target, the second term would have
    no gradient at all. logits: float[B, K]; labels: int64[B]. Computed in at least float32.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
    return beta * functional.nll_loss(log_p, labels) + (1 - beta) * entropy


@METHODS.register("bootstrap_soft")
class SoftBootstrap(Method):
    """Cross-entropy with beta y + (1 - beta) p, that is beta CE + (1 - beta) entropy of p (Reed et al., ICLR workshop 2015).

    The p of the target gets a gradient, as the paper's equivalence to minimum-entropy regularisation requires. Without it, the
    method would be cross-entropy with a lower learning rate.

    Args:
        beta: Weight of the given label; 1 is cross-entropy.
    """

    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={"beta": "paper"},
        deviations=("the target's p gets a gradient, as in the public code",),
    )

    def __init__(self, run: RunInfo, *, beta: UnitInterval = 0.95) -> None:
        super().__init__(run)
        self.beta = beta

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`soft_bootstrap_loss` of the given labels."""
        return soft_bootstrap_loss(logits, batch.labels, beta=self.beta)
