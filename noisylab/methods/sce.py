"""SCE: cross-entropy in both directions (Wang et al., ICCV 2019)."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe

# Replaces log 0 in a one-hot label, as in the public code. (Natural logarithm: -9.21; the paper's text says A = -4.)
LOG_ZERO = math.log(1e-4)


def reverse_cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Per sample -sum_k p_k log y_k with log 0 = log 1e-4, that is -log 1e-4 (1 - p_g) (Wang et al. 2019).

    logits: float[B, K]; labels: int64[B]; result float[B], in at least float32.
    """
    losses = functional.cross_entropy(widened(logits), labels, reduction="none")
    # 1 - p_g, without losing digits if p_g is near 1.
    return LOG_ZERO * torch.expm1(-losses)


def sce_loss(logits: Tensor, labels: Tensor, *, alpha: float, beta: float) -> Tensor:
    """The loss alpha CE + beta RCE, averaged over the batch (Wang et al. 2019).

    logits: float[B, K]; labels: int64[B]. Computed in at least float32.
    """
    forward = functional.cross_entropy(widened(logits), labels)
    return alpha * forward + beta * reverse_cross_entropies(logits, labels).mean()


@METHODS.register("sce")
class SCE(Method):
    """Symmetric cross-entropy, alpha CE + beta RCE with log 0 = log 1e-4 (Wang et al., ICCV 2019).

    The defaults are for CIFAR-10; for CIFAR-100 the paper has alpha = 6, beta = 0.1.
    """

    is_base_loss = True
    provenance = Provenance(
        "code",
        numbers={"alpha": "paper, CIFAR-10", "beta": "paper, CIFAR-10"},
        deviations=(
            "log 0 is log 1e-4 = -9.21, as in the public code; the paper's text has A = -4",
            "CIFAR-100 has alpha=6, beta=0.1 there",
        ),
        published="CIFAR-10, ResNet-34, symmetric .2/.4/.6/.8 (true class included): "
        "89.83/87.13/82.81/68.12 % in ELR's paper; not run here",
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("code of Ma et al. 2020, CIFAR-10", learning_rate=0.01),
        "cifar100": Recipe("code of Ma et al. 2020, CIFAR-100", learning_rate=0.1, weight_decay=1e-5),
    }

    def __init__(self, run: RunInfo, *, alpha: NonNegative = 0.1, beta: NonNegative = 1.0) -> None:
        super().__init__(run)
        self.alpha, self.beta = alpha, beta

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`sce_loss` of the given labels."""
        return sce_loss(logits, batch.labels, alpha=self.alpha, beta=self.beta)
