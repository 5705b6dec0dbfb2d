"""ELR+: ELR with two networks, averaged weights and mixed images (Liu et al., NeurIPS 2020)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from noisylab.core.checks import Bound, NonNegative, Positive, UnitInterval
from noisylab.core.distributed import gathered, processes
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.averaged import Averaged
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.elr import clamped_probabilities
from noisylab.methods.losses import soft_cross_entropy
from noisylab.methods.mixup import mixup
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.soft_targets import gaussian_rise, last_occurrence, soft_targets, write_rows

# In the public code the decay rises over 40,000 updates; a training on CIFAR-10 has 200 epochs of 391.
RISE = 40_000 / (200 * 391)


def elr_plus_loss(logits: Tensor, labels: Tensor, targets: Tensor, *, weight: float) -> Tensor:
    """CE + weight log(1 - <t, p>), averaged over the batch, p clamped, for mixed labels and targets (Liu et al. 2020).

    logits, labels, targets: float[B, K]; labels and targets are mixed as the images are. Computed in at least float32.
    """
    p = clamped_probabilities(logits)
    agreement = (targets.detach().to(p.dtype) * p).sum(dim=1)
    return soft_cross_entropy(logits, labels) + weight * torch.log(1 - agreement).mean()


@METHODS.register("elr_plus")
class ELRPlus(Method):
    """CE + weight log(1 - <t, p>) on mixed images, t from the other network's averaged weights (Liu et al., NeurIPS 2020).

    A sample's target is the moving average of the prediction, for its unmixed image, of the OTHER network's average. Both
    networks predict: the mean of their logits is evaluated. The predictions of the first one's average are recorded.

    Args:
        momentum: Of the targets; .9 on CIFAR-100.
        weight: Of the second part; 7 on CIFAR-100.
        ramp_up: The share of the training in which the weight rises; about .5 on CIFAR-100.
        decay: Of the averages, at its end; it rises in the first half of the training.
        alpha: Images are mixed with a share from Beta(alpha, alpha).
    """

    target_update = "batch"
    # Both networks and both averages see every image.
    passes_per_image = 4
    provenance = Provenance(
        fidelity="approximation",
        numbers=dict.fromkeys(("momentum", "weight", "ramp_up", "decay", "alpha"), "code, for CIFAR-10"),
        deviations=(
            "both networks see the same batches and are updated in the same step",
            "40,000 updates are a share of the run",
            "the code multiplies labels by targets if there are 100 classes",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, CIFAR-10", optimizer="sgd", learning_rate=0.02, momentum=0.9, weight_decay=5e-4)
    }

    targets: Tensor
    seen: int

    def __init__(
        self,
        run: RunInfo,
        *,
        momentum: Annotated[float, Bound(ge=0, lt=1)] = 0.7,
        weight: NonNegative = 3.0,
        ramp_up: UnitInterval = 0.0,
        decay: Annotated[float, Bound(ge=0, lt=1)] = 0.997,
        alpha: Positive = 1.0,
    ) -> None:
        super().__init__(run)
        self.second = run.make_network()
        self.averages = nn.ModuleList(Averaged(network) for network in (self.network, self.second))
        self.momentum, self.weight, self.ramp_up, self.decay, self.alpha = momentum, weight, ramp_up, decay, alpha
        self.total = run.epochs * run.num_samples
        # Row n of the targets is for network n. seen: presentations of samples until now.
        self.remember(targets=torch.zeros(2, run.num_samples, run.num_classes), seen=0)
        self._peer: Tensor | None = None
        self._presented = 0

    def progress(self) -> float:
        """The share of the training that is done."""
        return self.seen / self.total

    def loss(self, batch: Batch) -> Step:
        """`elr_plus_loss` of both networks, each on its own mixture of the batch."""
        one, two = (average(batch.images) for average in self.averages)
        self._peer, self._presented = two, (batch.new.stop - batch.new.start) * processes()
        loss = self._mixed_loss(self.network, batch, self.targets[0], two)
        return Step(loss + self._mixed_loss(self.second, batch, self.targets[1], one), one)

    def _mixed_loss(self, network: nn.Module, batch: Batch, targets: Tensor, peer: Tensor) -> Tensor:
        updated = self._updated(targets.index_select(0, batch.index), peer)
        # If a sample is in the batch twice, both entries see the remembered target.
        updated = updated.index_select(0, last_occurrence(batch.index))
        given = torch.zeros_like(updated).scatter_(1, batch.labels[:, None], 1)
        images, mixed = mixup(batch.images, torch.cat([given, updated], dim=1), alpha=self.alpha)
        labels, soft = mixed.chunk(2, dim=1)
        weight = self.weight * gaussian_rise(self.progress(), 1, over=self.ramp_up)
        return elr_plus_loss(network(images), labels, soft, weight=weight)

    def _updated(self, targets: Tensor, peer: Tensor) -> Tensor:
        return self.momentum * targets + (1 - self.momentum) * soft_targets(peer)

    def after_step(self) -> None:
        """Add the weights to the averages."""
        decay = self.decay * gaussian_rise(self.progress(), 1, over=RISE)
        for average, network in zip(self.averages, (self.network, self.second), strict=True):
            assert isinstance(average, Averaged)
            average.update(network.parameters(), decay=decay)
        self.seen += self._presented

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Remember the updated targets of both networks."""
        peers = (None if self._peer is None else gathered(self._peer), logits)
        for targets, peer in zip(self.targets, peers, strict=True):
            if peer is not None:
                write_rows(targets, batch.index, self._updated(targets.index_select(0, batch.index), peer))
        self._peer = None

    def forward(self, images: Tensor) -> Tensor:
        """The mean of both networks' logits float[B, K]."""
        logits: Tensor = (self.network(images) + self.second(images)) / 2
        return logits
