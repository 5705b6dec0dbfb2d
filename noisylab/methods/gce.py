"""GCE: between cross-entropy and the mean absolute error (Zhang and Sabuncu, NeurIPS 2018)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe


def gce_loss(logits: Tensor, labels: Tensor, *, q: float) -> Tensor:
    """(1 - p_g^q) / q, averaged over the batch; q = 0 is its limit, -log p_g (Zhang and Sabuncu 2018).

    logits: float[B, K]; labels: int64[B]. Computed in at least float32 from log p_g, so that a small q loses no digits.
    """
    losses = functional.cross_entropy(widened(logits), labels, reduction="none")
    return (losses if q == 0 else -torch.expm1(-q * losses) / q).mean()


@METHODS.register("gce")
class GCE(Method):
    """Generalised cross-entropy, (1 - p_g^q) / q (Zhang and Sabuncu, NeurIPS 2018).

    The paper's truncated variant is not included.

    Args:
        q: 0 is cross-entropy, 1 is half of the mean absolute error.
    """

    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={"q": "paper"},
        deviations=("the truncated variant is missing",),
        published="CIFAR-10, ResNet-34, symmetric .2/.4/.6/.8 (true class included): "
        "89.83/87.13/82.54/64.07 % in ELR's paper; not run here",
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("code of Ma et al. 2020, CIFAR-10", learning_rate=0.01),
        "cifar100": Recipe("code of Ma et al. 2020, CIFAR-100", learning_rate=0.1, weight_decay=1e-5),
    }

    def __init__(self, run: RunInfo, *, q: UnitInterval = 0.7) -> None:
        super().__init__(run)
        self.q = q

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`gce_loss` of the given labels."""
        return gce_loss(logits, batch.labels, q=self.q)
