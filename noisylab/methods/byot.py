"""BYOT: the deepest layers of a network teach the shallower ones (Zhang et al., ICCV 2019)."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.losses import distillation, given_targets


def byot_loss(
    logits: Sequence[Tensor],
    features: Sequence[Tensor],
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    beta: float,
) -> Tensor:
    """CE of the deepest head + sum over the others of (1 - alpha) CE + alpha T^2 KL(deepest || it) + beta |F_i - F_deepest|^2.

    logits: float[B, K] of every head; features: float[B, D], the input of its classifier; the deepest last. labels: int64[B].
    Averaged over the batch. The deepest logits and features get no gradient from the other heads.
    """
    *others, deepest = logits
    *hints, target = features
    precision = torch.promote_types(target.dtype, torch.float32)
    loss = functional.cross_entropy(deepest, labels)
    for head, hint in zip(others, hints, strict=True):
        distance = (hint.to(precision) - target.detach().to(precision)).square().sum(dim=1).mean()
        taught = alpha * distillation(head, deepest, temperature=temperature)
        loss = loss + (1 - alpha) * functional.cross_entropy(head, labels) + taught + beta * distance
    return loss


class ShallowHead(nn.Module):
    """A head for an earlier stage: a 3x3 convolution of stride 2 for every later stage, to the width of the last.

    widths: channels of the stage and of all later stages.
    """

    def __init__(self, widths: Sequence[int], num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        self.bottleneck = nn.Sequential(*layers)
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Features float[B, D] and logits float[B, K] of the stage's maps float[B, C, H, W]."""
        features = self.bottleneck(maps).mean(dim=(2, 3))
        return features, self.classifier(features)


@METHODS.register("byot")
class BYOT(Method):
    """A head after each stage, taught by the deepest: (1 - a) CE + a T^2 KL + b |F_i - F|^2 (Zhang et al., ICCV 2019).

    F are the pooled features before a head's classifier; their squared distance is summed over features and averaged over the
    batch. The deepest head, the network's own, learns from CE and is measured. Raises ValueError for a network with fewer than
    two stages.
    """

    supports_mixed_images = True

    def __init__(
        self, run: RunInfo, *, temperature: Positive = 3.0, alpha: UnitInterval = 0.3, beta: NonNegative = 0.03
    ) -> None:
        super().__init__(run)
        widths = self.network.widths
        if len(widths) < 2:
            raise ValueError(
                f"byot puts heads after the earlier stages of a network, so it needs two stages or more, got {len(widths)}"
            )
        self.heads = nn.ModuleList(ShallowHead(widths[stage:], run.num_classes) for stage in range(len(widths) - 1))
        self.temperature, self.alpha, self.beta = temperature, alpha, beta

    def loss(self, batch: Batch) -> Step:
        """`byot_loss` of all heads, after one pass through the network."""
        *earlier, last = self.network.stage_outputs(batch.images)
        target = self.network.pool(last)
        pairs = [head(maps) for head, maps in zip(self.heads, earlier, strict=True)]
        pairs.append((target, self.network.classifier(target)))
        features, logits = zip(*pairs, strict=True)
        weights = {"temperature": self.temperature, "alpha": self.alpha, "beta": self.beta}
        return Step(byot_loss(logits, features, given_targets(batch, logits[-1]), **weights), logits[-1])
