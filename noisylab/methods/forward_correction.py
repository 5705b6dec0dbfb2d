"""Forward correction: the prediction passes through the transition matrix (Patrini et al., CVPR 2017)."""

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance
from noisylab.methods.with_transition import WithTransition


def forward_corrected_loss(logits: Tensor, labels: Tensor, transition: Tensor) -> Tensor:
    """-log (T^T p)_g, averaged over the batch (Patrini et al. 2017).

    logits: float[B, K]; labels: int64[B]; transition: float[K, K], rows are true classes. Computed in at least float32, as
    the logarithm of a sum of exponentials, so that small p are not lost. Infinite if no class of T is given as g.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    # Row b: log P(given = g_b | true = i) for all i.
    log_given = transition.to(log_p.dtype).log().t().index_select(0, labels)
    return -torch.logsumexp(log_p + log_given, dim=1).mean()


@METHODS.register("forward_correction")
class ForwardCorrection(WithTransition):
    """Cross-entropy of the given label under T^T p, the prediction passed through the noise (Patrini et al., CVPR 2017).

    The logits predict the true class.

    Args:
        transition: "anchor": estimate T from the anchor points of a network that CE trains first on the same labels; "known":
            the true T (the oracle), which must be known.
        percentile: The anchor of a class is the sample next below this percentile of its probability (97 in the public code for
            CIFAR-10, against outliers); None: the sample with the highest.
    """

    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={"transition": "paper", "percentile": "paper; the code has 97 for CIFAR-10"},
    )

    def __init__(
        self,
        run: RunInfo,
        *,
        transition: Literal["anchor", "known"] = "anchor",
        percentile: Annotated[float, Bound(gt=0, le=100)] | None = None,
    ) -> None:
        super().__init__(run, transition, percentile)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`forward_corrected_loss` of the given labels."""
        return forward_corrected_loss(logits, batch.labels, self.transition)
