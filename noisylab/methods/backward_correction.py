"""Backward correction: the losses of all labels pass through the inverse transition matrix (Patrini et al., CVPR 2017)."""

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo, TeacherProvider
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance
from noisylab.methods.with_transition import WithTransition


def backward_corrected_loss(logits: Tensor, labels: Tensor, inverse: Tensor) -> Tensor:
    """sum_j (T^-1)[y, j] CE(j), averaged over the batch (Patrini et al. 2017, theorem 1).

    logits: float[B, K]; labels: int64[B]; inverse: float[K, K], the inverse of T, whose rows are true classes. On average over
    the given labels of a true class, it is the cross-entropy of that class. Negative if the prediction is far from a class
    with a negative entry. Computed in at least float32.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    return -(inverse.to(log_p.dtype).index_select(0, labels) * log_p).sum(dim=1).mean()


@METHODS.register("backward_correction")
class BackwardCorrection(WithTransition):
    """Cross-entropies of all labels, weighted by the given label's row of the inverse T (Patrini et al., CVPR 2017).

    Unbiased, but the loss has no lower bound. Raises ValueError for a known T without inverse. An estimate has none if two
    classes share their anchor; then its pseudo-inverse is used.

    Args:
        transition: "anchor": estimate T from the anchor points of a network that CE trains first on the same labels; "known":
            the true T (the oracle), which must be known.
        percentile: The anchor of a class is the sample next below this percentile of its probability (97 in the public code for
            CIFAR-10, against outliers); None: the sample with the highest.
    """

    is_base_loss = True
    has_unbounded_loss = True
    provenance = Provenance(
        fidelity="paper",
        numbers={"transition": "paper, both", "percentile": "paper: none; the public code has 97 for CIFAR-10"},
        deviations=("the pseudo-inverse of an estimate without inverse",),
    )

    inverse: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        transition: Literal["anchor", "known"] = "anchor",
        percentile: Annotated[float, Bound(gt=0, le=100)] | None = None,
    ) -> None:
        super().__init__(run, transition, percentile)
        self.register_buffer("inverse", torch.zeros_like(self.transition))
        if run.transition is not None and not self.estimated:
            self._invert(run.transition)

    def prepare(self, teachers: TeacherProvider) -> None:
        """Estimate T, unless it is known, and invert it."""
        super().prepare(teachers)
        if self.estimated:
            self._invert(self.transition)

    def _invert(self, transition: Tensor) -> None:
        # Once, on the host and in float64.
        rows = transition.double().cpu()
        accuracy = len(rows) * torch.finfo(torch.float32).eps
        rank = int(torch.linalg.matrix_rank(rows, rtol=accuracy))
        if rank < len(rows) and not self.estimated:
            raise ValueError(
                f"the transition matrix must have an inverse, got one of rank {rank} for {len(rows)} classes; use "
                "forward_correction, which needs none"
            )
        self.inverse.copy_(torch.linalg.pinv(rows, rtol=accuracy))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`backward_corrected_loss` of the given labels."""
        return backward_corrected_loss(logits, batch.labels, self.inverse)
