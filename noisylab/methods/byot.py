"""BYOT: the deepest layers of a network teach the shallower ones (Zhang et al., ICCV 2019)."""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.losses import given_targets, soft_cross_entropy, widened
from noisylab.methods.provenance import Provenance


def hint_distance(hint: Tensor, target: Tensor, *, squared: bool = False) -> Tensor:
    """||hint - target||, the norm over the whole batch; `squared`: its square, averaged over the batch.

    hint, target: float[B, D]; the target gets no gradient. Computed in at least float32.
    """
    apart = widened(hint) - widened(target.detach())
    return apart.square().sum(dim=1).mean() if squared else torch.linalg.vector_norm(apart)


def byot_loss(
    logits: Sequence[Tensor],
    hints: Sequence[Tensor],
    target: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    beta: float,
    squared: bool = False,
    scaled: bool = False,
) -> Tensor:
    """CE of the deepest head + sum over the others of (1 - alpha) CE + alpha CE(deepest^T, it^T) + beta ||hint - target||.

    logits: float[B, K] of every head, the deepest last; hints: float[B, D] of the heads that have one; target: float[B, D], the
    deepest head's features; labels: int64[B]. The deepest head gets no gradient from the other ones. squared: see
    `hint_distance`; scaled: the soft cross-entropy times T^2.
    """
    *others, deepest = logits
    loss = functional.cross_entropy(deepest, labels)
    taught = functional.softmax(widened(deepest.detach()) / temperature, dim=1)
    factor = alpha * (temperature**2 if scaled else 1.0)
    for head in others:
        soft = soft_cross_entropy(widened(head) / temperature, taught)
        loss = loss + (1 - alpha) * functional.cross_entropy(head, labels) + factor * soft
    for hint in hints:
        loss = loss + beta * hint_distance(hint, target, squared=squared)
    return loss


class ShallowHead(nn.Module):
    """A head for an earlier stage: a 3x3 convolution of stride 2 for every later stage, to the width of the last.

    widths: channels of the stage and of all later stages. adapted: a linear map A from its features to those of the deepest.
    """

    def __init__(self, widths: Sequence[int], num_classes: int, adapted: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        self.bottleneck = nn.Sequential(*layers)
        self.classifier = nn.Linear(widths[-1], num_classes)
        self.adaptation = nn.Linear(widths[-1], widths[-1]) if adapted else None

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits float[B, K] and the hint float[B, D], if it has one, of the stage's maps float[B, C, H, W]."""
        features = self.bottleneck(maps).mean(dim=(2, 3))
        return self.classifier(features), None if self.adaptation is None else self.adaptation(features)


@METHODS.register("byot")
class BYOT(Method):
    """A head after each stage, taught by the deepest: (1-a) CE + a CE(p_C^T, p^T) + b ||A F - F_C|| (Zhang et al., ICCV 2019).

    F are the pooled features before a head's classifier, and A is learnt. The distance is the norm over the whole batch, not
    squared, so the published b belongs to a batch of 128. The deepest head, the network's own, learns from CE and is measured.
    Raises ValueError for a network with fewer than two stages.

    Args:
        temperature: The temperature T.
        alpha: Weight of the deepest head's prediction against the label.
        beta: Weight of the hints.
        hints: "code": every head has one but the last before the deepest, as in the public code, whose list runs deepest first;
            "all": every head.
        squared: Square the norm, and average it over the batch.
        scaled: Multiply the soft cross-entropy by T^2.
    """

    supports_mixed_images = True
    provenance = Provenance(
        "code",
        numbers={
            "temperature": "code of the journal version",
            "alpha": "code of the journal version",
            "beta": "code of the journal version, for a batch of 128",
            "hints": "code of the journal version",
            "squared": "code of the journal version",
            "scaled": "code of the journal version",
        },
        deviations=(
            "heads of stride-2 convolutions for any network in place of the code's for ResNets",
            "the last head before the deepest has no hint, as in the code (hints='all' gives it one)",
        ),
        published="ResNet-18 on CIFAR-100: 77.88 % in Self-KD-Lib, where CE has 76.24; not run here",
    )

    def __init__(
        self,
        run: RunInfo,
        *,
        temperature: Positive = 3.0,
        alpha: UnitInterval = 0.3,
        beta: NonNegative = 0.03,
        hints: Literal["code", "all"] = "code",
        squared: bool = False,
        scaled: bool = False,
    ) -> None:
        super().__init__(run)
        widths = self.network.widths
        if len(widths) < 2:
            raise ValueError(
                f"byot puts heads after the earlier stages of a network, so it needs two stages or more, got {len(widths)}"
            )
        earlier = range(len(widths) - 1)
        adapted = [hints == "all" or stage < len(widths) - 2 for stage in earlier]
        self.heads = nn.ModuleList(ShallowHead(widths[stage:], run.num_classes, adapted[stage]) for stage in earlier)
        self.temperature, self.alpha, self.beta, self.squared, self.scaled = temperature, alpha, beta, squared, scaled

    def loss(self, batch: Batch) -> Step:
        """`byot_loss` of all heads, after one pass through the network."""
        *earlier, last = self.network.stage_outputs(batch.images)
        target = self.network.pool(last)
        shallow = [head(maps) for head, maps in zip(self.heads, earlier, strict=True)]
        logits = [*(pair[0] for pair in shallow), self.network.classifier(target)]
        hints = [hint for _, hint in shallow if hint is not None]
        weights = {"temperature": self.temperature, "alpha": self.alpha, "beta": self.beta}
        labels = given_targets(batch, logits[-1])
        loss = byot_loss(logits, hints, target, labels, **weights, squared=self.squared, scaled=self.scaled)
        return Step(loss, logits[-1])
