"""Peer loss: what a network gets right by knowing the labels alone is subtracted (Liu and Guo, ICML 2020)."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe

# As in the published code, which thereby bounds the subtracted part.
FLOOR = 1e-5

# The published weight of 340 epochs (for uniform noise), piecewise linear between these.
EPOCHS = 0, 20, 39, 40, 89, 90, 139, 140, 239, 240, 339
WEIGHTS = 0, 0, 0.1, 1, 2, 2, 2.5, 2.5, 3.3, 3.3, 5


def peer_loss(logits: Tensor, labels: Tensor, *, alpha: float, images: Tensor, given: Tensor) -> Tensor:
    """CE(x_i, y_i) + alpha log(p(x_m) at y_n + 1e-5), averaged over the batch, for random m and n (Liu and Guo 2020).

    logits: float[B, K]; labels, images, given: int64[B], of which images and given are independent permutations of the batch:
    the same for both would leave (1 - alpha) CE. Computed in at least float32.
    """
    own = functional.cross_entropy(widened(logits), labels)
    p = functional.softmax(widened(logits), dim=1).index_select(0, images)
    return own + alpha * torch.log(p.gather(1, labels[given][:, None]) + FLOOR).mean()


def published_weight(share: float) -> float:
    """The public code's alpha after this share of the training."""
    return float(np.interp(share * (EPOCHS[-1] + 1), EPOCHS, WEIGHTS))


@METHODS.register("peer_loss", main="alpha")
class PeerLoss(Method):
    """CE minus alpha times the CE of random images with random given labels (Liu and Guo, ICML 2020).

    Two independent permutations of the batch draw the pairs. The learning rate is divided by 1 + alpha, as in the public code.

    Args:
        alpha: The weight of the subtracted part; None: the public code's, from 0 to 5 over the training.
    """

    is_base_loss = True
    provenance = Provenance(
        fidelity="approximation",
        numbers={"alpha": "0.1: ours; None: code (340 epochs, scaled to the run)"},
        deviations=(
            "a small constant weight (alpha=None: the code's schedule)",
            "random pairs are of the batch itself, at no further pass; the code draws them from two loaders of their own",
            "the first part is the exact cross-entropy; the code adds 1e-5 to its probabilities too",
        ),
    )

    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, CIFAR-10/runner.py", "sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-4)
    }

    def __init__(self, run: RunInfo, *, alpha: NonNegative | None = 0.1) -> None:
        super().__init__(run)
        self.alpha, self.epochs = alpha, run.epochs
        self.remember(epoch=0)

    def weight_at(self, epoch: int) -> float:
        """Alpha in an epoch."""
        return published_weight(epoch / self.epochs) if self.alpha is None else self.alpha

    def learning_rate_factor(self, progress: float) -> float:
        """1 / (1 + alpha)."""
        return 1 / (1 + self.weight_at(int(progress)))

    def start_epoch(self, epoch: int) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`peer_loss` with pairs drawn anew."""
        images, given = (torch.randperm(len(logits), device=logits.device) for _ in range(2))
        return peer_loss(logits, batch.labels, alpha=self.weight_at(self.epoch), images=images, given=given)
