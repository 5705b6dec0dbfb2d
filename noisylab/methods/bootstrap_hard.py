"""Hard bootstrapping: targets mixed with the predicted class (Reed et al., ICLR workshop 2015)."""

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance


def hard_bootstrap_loss(logits: Tensor, labels: Tensor, *, beta: float) -> Tensor:
    """-(beta log p_g + (1 - beta) log max_k p_k), averaged over the batch (Reed et al. 2015).

    The predicted class is a constant target. logits: float[B, K]; labels: int64[B]. Computed in at least float32.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    predicted = log_p.argmax(dim=1)
    return beta * functional.nll_loss(log_p, labels) + (1 - beta) * functional.nll_loss(log_p, predicted)


@METHODS.register("bootstrap_hard")
class HardBootstrap(Method):
    """Cross-entropy with beta y + (1 - beta) onehot(argmax p) (Reed et al., ICLR workshop 2015).

    Args:
        beta: Weight of the given label; 1 is cross-entropy.
    """

    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={"beta": "paper"},
    )

    def __init__(self, run: RunInfo, *, beta: UnitInterval = 0.8) -> None:
        super().__init__(run)
        self.beta = beta

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`hard_bootstrap_loss` of the given labels."""
        return hard_bootstrap_loss(logits, batch.labels, beta=self.beta)
