"""Forward correction: the prediction passes through the transition matrix (Patrini et al., CVPR 2017)."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound
from noisylab.core.registries import METHODS
from noisylab.corruption import anchor_points
from noisylab.corruption.validation import check_transition
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, TeacherProvider
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance


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
class ForwardCorrection(Method):
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

    transition: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        transition: Literal["anchor", "known"] = "anchor",
        percentile: Annotated[float, Bound(gt=0, le=100)] | None = None,
    ) -> None:
        super().__init__(run)
        self.estimated, self.percentile = transition == "anchor", percentile
        self.register_buffer("transition", torch.zeros(run.num_classes, run.num_classes))
        if self.estimated:
            return
        if percentile is not None:
            raise ValueError("percentile is for anchor points, so it needs transition='anchor'")
        if run.transition is None:
            raise ValueError("transition='known' needs the transition matrix, which is not known for this noise; use 'anchor'")
        self._set(check_transition(run.transition.numpy(force=True)))

    def prepare(self, teachers: TeacherProvider) -> None:
        """Estimate T from a network trained with CE, unless it is known."""
        if self.estimated:
            p = teachers.logits(teachers.trained("ce")).double().softmax(dim=1)
            self._set(anchor_points(p.cpu().numpy(), percentile=self.percentile))

    def _set(self, transition: Any) -> None:
        rows = torch.as_tensor(transition, dtype=self.transition.dtype, device=self.transition.device)
        if rows.shape != self.transition.shape:
            raise ValueError(f"the transition matrix must be {list(self.transition.shape)}, got {list(rows.shape)}")
        self.transition.copy_(rows)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`forward_corrected_loss` of the given labels."""
        return forward_corrected_loss(logits, batch.labels, self.transition)

    @classmethod
    def num_trainings(cls, **options: Any) -> int:
        """Two if T is estimated, since that takes a network of its own."""
        return 2 if options.get("transition", "anchor") == "anchor" else 1
