"""DDGSD: two views of a sample teach each other (Xu and Liu, AAAI 2019)."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.losses import distillation
from noisylab.methods.provenance import Provenance


def ddgsd_loss(
    logits: tuple[Tensor, Tensor],
    features: tuple[Tensor, Tensor],
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    beta: float,
) -> Tensor:
    """CE_a + CE_b + alpha T^2 [KL(b || a) + KL(a || b)] + beta norm(mean h_a - mean h_b)^2.

    logits: float[B, K] of views a and b of the same samples; features: float[B, D], the inputs of the classifier; labels:
    int64[B]. A view gets no gradient as the teacher of the other.
    """
    a, b = logits
    loss = functional.cross_entropy(a, labels) + functional.cross_entropy(b, labels)
    loss = loss + alpha * distillation(a, b, temperature=temperature)
    loss = loss + alpha * distillation(b, a, temperature=temperature)
    precision = torch.promote_types(features[0].dtype, torch.float32)
    mean_a, mean_b = (view.to(precision).mean(dim=0) for view in features)
    return loss + beta * (mean_a - mean_b).square().sum()


@METHODS.register("ddgsd")
class DDGSD(Method):
    """CE + alpha T^2 KL between two views, each way, + beta norm(mean feature difference)^2 (Xu and Liu, AAAI 2019).

    One forward pass over both views; the paper takes two. The cross-entropies of both views are added, not averaged.
    """

    composition = "twin"
    provenance = Provenance(
        "paper",
        numbers={
            "temperature": "Self-KD-Lib; a port that claims the settings of the paper has 3",
            "alpha": "public code",
            "beta": "public code",
        },
        deviations=("both views in one forward pass, so they share batch statistics",),
        published="ResNet-18 on CIFAR-100: 76.61 % in Self-KD-Lib, where CE has 76.24; not run here",
    )

    def __init__(
        self, run: RunInfo, *, temperature: Positive = 4.0, alpha: NonNegative = 1.0, beta: NonNegative = 5e-4
    ) -> None:
        super().__init__(run)
        self.temperature, self.alpha, self.beta = temperature, alpha, beta

    def loss(self, batch: Batch) -> Step:
        """`ddgsd_loss` of [new, the same again]."""
        features = self.network.pool(self.network.stage_outputs(batch.images)[-1])
        logits = self.network.classifier(features)
        (a, b), (h_a, h_b) = logits.chunk(2), features.chunk(2)
        weights = {"temperature": self.temperature, "alpha": self.alpha, "beta": self.beta}
        return Step(ddgsd_loss((a, b), (h_a, h_b), batch.labels[: len(a)], **weights), logits)
