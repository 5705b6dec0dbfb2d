"""VolMinNet: the transition matrix is learnt, and kept as small as possible (Li et al., ICML 2021)."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from noisylab.core.checks import NonNegative, Positive
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.forward_correction import forward_corrected_loss
from noisylab.methods.provenance import Provenance, Recipe


def transition_of(weights: Tensor) -> Tensor:
    """T_ij = a_ij / sum_j a_ij, with a_ii = 1 and a_ij = sigmoid(w_ij) off the diagonal: float[K, K].

    weights: float[K, K], whose diagonal plays no part. The diagonal of T is the largest number of its row.
    """
    shares = torch.sigmoid(weights)
    diagonal = torch.eye(len(weights), dtype=torch.bool, device=weights.device)
    shares = torch.where(diagonal, 1.0, shares)
    rows: Tensor = shares / shares.sum(dim=1, keepdim=True)
    return rows


def volminnet_loss(logits: Tensor, labels: Tensor, transition: Tensor, *, volume: float) -> Tensor:
    """-log (T^T p)_g, averaged over the batch, + volume log|det T| (Li et al. 2021).

    logits: float[B, K]; labels: int64[B]; transition: float[K, K], rows are true classes. Computed in at least float32.
    """
    log_volume: Tensor = torch.linalg.slogdet(transition).logabsdet
    return forward_corrected_loss(logits, labels, transition) + volume * log_volume


def starting_weight(classes: int) -> float:
    """The first w: the published -2 for up to 10 classes; more keep the diagonal of 10, about -4.5 for 100."""
    share = 9 / max(9, classes - 1) / (1 + math.exp(2))
    return math.log(share / (1 - share))


@METHODS.register("volminnet", main="volume")
class VolMinNet(Method):
    """CE of the given label under T^T p + volume log|det T|, with T learnt (Li et al., ICML 2021).

    The logits predict the true class. T has K^2 numbers, and its volume takes K^3 operations in each step: a second for 2,000
    classes on a CPU.

    Args:
        volume: The weight of the volume of T.
        rate: The learning rate of T, which is constant and of plain SGD.
    """

    is_base_loss = True
    provenance = Provenance(
        fidelity="approximation",
        numbers={"volume": "code", "rate": "code"},
        deviations=(
            "T is trained by plain SGD at a constant rate; the code's has momentum on CIFAR-10 or is Adam, with rate steps",
            "T starts as published for 10 classes, and with the same diagonal for more (the code has it for 100, rounded)",
            "the published runs choose the epoch on noisy validation labels",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, main.py", optimizer="sgd", learning_rate=0.01, momentum=0.9, weight_decay=1e-4),
    }

    def __init__(self, run: RunInfo, *, volume: NonNegative = 1e-4, rate: Positive = 0.01) -> None:
        super().__init__(run)
        self.volume, self.rate = volume, rate
        start = starting_weight(run.num_classes)
        self.weights = nn.Parameter(torch.full((run.num_classes, run.num_classes), start))

    def own_learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """That of T."""
        return [([self.weights], self.rate)]

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`volminnet_loss` with the T at hand."""
        return volminnet_loss(logits, batch.labels, transition_of(self.weights), volume=self.volume)
