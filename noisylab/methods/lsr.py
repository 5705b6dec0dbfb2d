"""Label smoothing (Szegedy et al., CVPR 2016), also with a negative rate (Wei et al., ICML 2022)."""

from typing import Annotated, Any

from torch import Tensor

from noisylab.core.checks import Bound
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import soft_cross_entropy
from noisylab.methods.provenance import Fidelity, Provenance


def lsr_loss(logits: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """CE((1 - e) y + e / K, p), averaged over the batch.

    logits: float[B, K]; labels: int64[B]; e <= 1. With e < 0 the other classes' targets are negative, and the loss has no
    lower bound.
    """
    targets = logits.new_full(logits.shape, epsilon / logits.shape[1]).scatter_add_(
        1, labels[:, None], logits.new_full((len(labels), 1), 1 - epsilon)
    )
    return soft_cross_entropy(logits, targets)


@METHODS.register("lsr", main="epsilon")
class LSR(Method):
    """Cross-entropy with smoothed labels, CE((1 - e) y + e / K, p) (Szegedy et al., CVPR 2016).

    A negative rate pushes the other classes down (negative label smoothing, Wei et al., ICML 2022). As a training from scratch
    it is not that paper's method, which goes on from 120 epochs of cross-entropy for 100 epochs at a learning rate of 1e-6.

    Args:
        epsilon: The share e of the label that is spread evenly over all classes, at most 1; it can be negative.
    """

    is_base_loss = True
    provenance = Provenance(
        fidelity="paper",
        numbers={"epsilon": "paper, Sec. 7"},
        deviations=("epsilon < 0 trains from scratch at the common rate; its paper goes on from 120 epochs of ce at 1e-6",),
    )

    def __init__(self, run: RunInfo, *, epsilon: Annotated[float, Bound(le=1)] = 0.1) -> None:
        super().__init__(run)
        self.epsilon = epsilon

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`lsr_loss` of the batch."""
        return lsr_loss(logits, batch.labels, epsilon=self.epsilon)

    @classmethod
    def fidelity_for(cls, **options: Any) -> Fidelity:
        """A negative rate from scratch is an approximation."""
        return "approximation" if options.get("epsilon", 0.1) < 0 else cls.provenance.fidelity
