"""`WithTransition`: methods that correct a loss by a transition matrix, which is known or estimated from anchor points."""

from typing import Any, Literal

import torch
from torch import Tensor

from noisylab.corruption import anchor_points
from noisylab.corruption.matrices import DENSE
from noisylab.corruption.validation import check_transition
from noisylab.methods.base import Method, RunInfo, TeacherProvider


class WithTransition(Method):
    """Base class of methods with a fixed transition matrix `transition`, float32[K, K], whose rows are true classes.

    Args:
        run: What the method may know about the run.
        transition: "anchor": estimate T from the anchor points of a network that CE trains first on the same labels; "known":
            the true T (the oracle), which must be known.
        percentile: The anchor of a class is the sample next below this percentile of its probability; None: the sample with the
            highest.

    Raises:
        ValueError: If T is not known, is no transition matrix, or has another number of classes.

    Example:
        >>> class Corrected(WithTransition):
        ...     def loss_from_logits(self, logits, batch):
        ...         return -(logits.softmax(1) @ self.transition).gather(1, batch.labels[:, None]).log().mean()
    """

    transition: Tensor

    def __init__(self, run: RunInfo, transition: Literal["anchor", "known"], percentile: float | None) -> None:
        super().__init__(run)
        self.estimated, self.percentile = transition == "anchor", percentile
        self.register_buffer("transition", torch.zeros(run.num_classes, run.num_classes))
        if self.estimated:
            return
        if percentile is not None:
            raise ValueError("percentile is for anchor points, so it needs transition='anchor'")
        if run.transition is None and run.num_classes > DENSE:
            raise ValueError(
                f"transition='known' is for at most {DENSE} classes, as no study keeps a larger matrix, got {run.num_classes}; "
                "use 'anchor', or in a loop of your own give create_method transition=torch.tensor(noisy.dense_transition())"
            )
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

    @classmethod
    def num_trainings(cls, **options: Any) -> int:
        """Two if T is estimated, since that takes a network of its own."""
        return 2 if options.get("transition", "anchor") == "anchor" else 1
