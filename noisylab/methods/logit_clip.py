"""LogitClip: the norm of the logits is bounded before a loss (Wei et al., ICML 2023)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from noisylab.core.checks import Positive, SpecText
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo
from noisylab.methods.composed import Composed
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Fidelity, Provenance, Recipe


def clipped(logits: Tensor, *, tau: float) -> Tensor:
    """The logits float[B, K], rows of norm above tau scaled to it: z tau / ||z|| (Wei et al. 2023).

    logits: float[B, K]. The gradient goes through the norm, so that along a clipped z there is none. In at least float32.
    """
    logits = widened(logits)
    norms = torch.linalg.vector_norm(logits, dim=1, keepdim=True)
    return torch.div(logits, (norms / tau).clamp_min(1))


@METHODS.register("logit_clip", main="tau")
class LogitClip(Composed):
    """A base loss of z tau / ||z|| where the norm of the logits is above tau (Wei et al., ICML 2023).

    Bounds every loss. What the base remembers are clipped predictions; evaluation and records are of unclipped ones.

    Args:
        tau: The largest norm. The paper tunes it.
        on: Spec of the base loss.
    """

    is_base_loss = True
    provenance = Provenance(
        fidelity="paper",
        numbers={"tau": "the default of the public code's command line", "on": "paper"},
        deviations=("the public code clips norms above tau to 1 / tau, which is the same only for tau=1",),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, train.py", "sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4)
    }

    def __init__(self, run: RunInfo, *, tau: Positive = 1.0, on: SpecText = "ce") -> None:
        super().__init__(run, on)
        self.tau = tau

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The base loss of the clipped logits."""
        return self.supervised(clipped(logits, tau=self.tau), batch)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Let the base remember the clipped logits."""
        super().observe(clipped(logits, tau=self.tau), batch)

    @classmethod
    def fidelity_for(cls, **options: Any) -> Fidelity:  # noqa: ARG003 - the same for all
        """The paper clips for any loss."""
        return cls.provenance.fidelity
