"""Label smoothing (Szegedy et al., CVPR 2016)."""

from torch import Tensor

from noisylab.core.checks import UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import soft_cross_entropy


def lsr_loss(logits: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """CE((1 - e) y + e / K, p), averaged over the batch.

    logits: float[B, K]; labels: int64[B].
    """
    targets = logits.new_full(logits.shape, epsilon / logits.shape[1]).scatter_add_(
        1, labels[:, None], logits.new_full((len(labels), 1), 1 - epsilon)
    )
    return soft_cross_entropy(logits, targets)


@METHODS.register("lsr", main="epsilon")
class LSR(Method):
    """Cross-entropy with smoothed labels, CE((1 - e) y + e / K, p) (Szegedy et al., CVPR 2016).

    Args:
        epsilon: The share e of the label that is spread evenly over all classes.
    """

    is_base_loss = True

    def __init__(self, run: RunInfo, *, epsilon: UnitInterval = 0.1) -> None:
        super().__init__(run)
        self.epsilon = epsilon

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`lsr_loss` of the batch."""
        return lsr_loss(logits, batch.labels, epsilon=self.epsilon)
