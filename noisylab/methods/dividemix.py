"""DivideMix: label noise as semi-supervised learning of two networks (Li et al., ICLR 2020)."""

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, PositiveInt, UnitInterval
from noisylab.core.distributed import averaged
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step, whole_epochs
from noisylab.methods.losses import one_hot, widened
from noisylab.methods.mixup import mixup
from noisylab.methods.provenance import Provenance, Recipe

# In the public code, the weight of the unlabelled loss rises over 16 of 300 epochs.
RAMP_UP = 16 / 300


def clean_posterior(losses: Tensor) -> Tensor:
    """P(clean) of every sample, the posterior of the lower of two Gaussians: float32[N]. Waits for the device.

    losses: float[N], in [0, 1]. As in the public code, scikit-learn's mixture with 10 iterations, tolerance 1e-2 and 5e-4 added
    to variances, started by k-means (with a fixed seed). If all losses are equal, all samples are clean.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    column = losses.double().cpu().numpy()[:, None]
    if column.min() == column.max():
        return torch.ones_like(losses, dtype=torch.float32)
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0)
    with warnings.catch_warnings():
        # Ten iterations are the published setting, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        posterior = mixture.fit(column).predict_proba(column)[:, mixture.means_.argmin()]
    return torch.as_tensor(posterior, dtype=torch.float32, device=losses.device)


def scaled_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p_g of all samples, scaled to [0, 1]: float[N]."""
    losses = functional.cross_entropy(widened(logits), labels, reduction="none")
    low, high = losses.aminmax()
    return (losses - low) / (high - low).clamp(min=torch.finfo(losses.dtype).tiny)


def sharpened(p: Tensor, *, temperature: float) -> Tensor:
    """p_k^(1/T) / sum_j p_j^(1/T): float[B, K]."""
    powers = p ** (1 / temperature)
    return powers / powers.sum(dim=1, keepdim=True)


def co_targets(own: Tensor, peer: Tensor, labels: Tensor, clean: Tensor, labelled: Tensor, *, temperature: float) -> Tensor:
    """The targets of a network, sharpened: of labelled samples w y + (1 - w) p, of the others (p + p') / 2: float[B, K].

    own, peer: p and p' of the two networks, float[B, K], each the mean over views; labels: int64[B]; clean: w, float[B];
    labelled: bool[B].
    """
    weight = clean.to(own.dtype)[:, None]
    refined = weight * one_hot(labels, own) + (1 - weight) * own
    return sharpened(torch.where(labelled[:, None], refined, (own + peer) / 2), temperature=temperature)


def semi_supervised_loss(logits: Tensor, targets: Tensor, labelled: Tensor, *, weight: float) -> Tensor:
    """CE of the labelled + weight times the squared error of the others + the divergence from equal class shares (Li 2020).

    The squared error is a mean over samples and classes, as in the public code, to which the published weights belong. The last
    part is sum_k 1/K log(1/K / mean p_k), with the mean over the batch.

    logits, targets: float[B, K]; labelled: bool[B]. A part without samples is 0. Computed in at least float32.
    """
    log_p, targets = functional.log_softmax(widened(logits), dim=1), targets.to(widened(logits).dtype)
    entropies, errors = -(targets * log_p).sum(dim=1), (log_p.exp() - targets).square().mean(dim=1)
    supervised = torch.where(labelled, entropies, 0).sum() / labelled.sum().clamp(min=1)
    unsupervised = torch.where(labelled, 0, errors).sum() / (~labelled).sum().clamp(min=1)
    # As logarithms, so that a class that nothing is predicted as is not lost.
    log_mean = torch.logsumexp(log_p, dim=0) - math.log(len(log_p))
    return supervised + weight * unsupervised - math.log(log_p.shape[1]) - log_mean.mean()


def negative_entropy(logits: Tensor) -> Tensor:
    """sum_k p_k log p_k, averaged over the batch."""
    log_p = functional.log_softmax(widened(logits), dim=1)
    return (log_p.exp() * log_p).sum(dim=1).mean()


@METHODS.register("dividemix")
class DivideMix(Method):
    """Two networks; each gets the other's split into labelled and unlabelled samples, then MixMatch (Li et al., ICLR 2020).

    Both train with CE first. Then before every epoch a mixture of two Gaussians is fitted to the losses of each network; a
    network takes as labelled what is clean in the other's mixture. It mixes the labels of these with its own prediction, and
    guesses those of the others together with the other network. Both predict: logits are summed for evaluation. The first
    one's predictions of the unmixed images are recorded.

    Args:
        lambda_u: The weight of unlabelled samples: on CIFAR-10 0, 25, 25, 50 for symmetric .2, .5, .8, .9 and 0 for asymmetric
            noise, on CIFAR-100 25 and then 150.
        threshold: Samples with a higher P(clean) are labelled.
        temperature: T of sharpening; below 1 it makes targets surer.
        alpha: Images and targets are mixed with a share from Beta(alpha, alpha).
        warm_up: The share of the training with CE.
        confidence_penalty: Whether the warm-up adds sum_k p_k log p_k, as for asymmetric noise.
        window: The mixture is fitted to the mean losses of this many epochs: 5 for symmetric .9.
    """

    composition = "twin"
    target_update = "epoch"
    provenance = Provenance(
        fidelity="approximation",
        numbers={
            "lambda_u": "code (its default); the values for each noise are second hand",
            "threshold": "code",
            "temperature": "code",
            "alpha": "code",
            "warm_up": "code on CIFAR-100 (30 of 300 epochs; 10 on CIFAR-10)",
            "confidence_penalty": "code",
            "window": "code",
        },
        deviations=(
            "labelled and unlabelled samples come in their natural shares in one batch; the code draws as many of each",
            "both networks are updated in the same step; the code trains one for an epoch, then the other",
            "the peer guesses in training mode; the code's in evaluation mode",
            "warm-up and ramp are shares of the run, and the warm-up sees two views of a sample",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, Train_CIFAR.py", optimizer="sgd", learning_rate=0.02, momentum=0.9, weight_decay=5e-4)
    }

    clean: Tensor
    history: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        lambda_u: NonNegative = 25.0,
        threshold: UnitInterval = 0.5,
        temperature: Positive = 0.5,
        alpha: Positive = 4.0,
        warm_up: UnitInterval = 0.1,
        confidence_penalty: bool = False,
        window: PositiveInt = 1,
    ) -> None:
        super().__init__(run)
        self.second = run.make_network()
        self.lambda_u, self.threshold, self.temperature, self.alpha = lambda_u, threshold, temperature, alpha
        self.confidence_penalty, self.window = confidence_penalty, window
        self.epochs, self.num_samples = run.epochs, run.num_samples
        self.warm_epochs = whole_epochs(warm_up, run.epochs)
        # clean: row n is what network n trains with. history: losses of the last epochs by both networks.
        self.remember(clean=torch.ones(2, run.num_samples), history=torch.empty(0, 2, run.num_samples))
        self.remember(epoch=0, seen=0)

    def assess(self, epoch: int, outputs: Callable[[nn.Module], Tensor], given: Tensor) -> None:
        """Split the samples by the mixture of each network's losses, after the warm-up."""
        if epoch < self.warm_epochs:
            return
        losses = torch.stack([scaled_losses(outputs(network), given) for network in (self.network, self.second)])
        # Running statistics differ between processes, but the split is one.
        recent = averaged(losses)[None]
        self.history = torch.cat([self.history, recent])[-self.window :] if len(self.history) else recent
        one, two = (clean_posterior(each) for each in self.history.mean(dim=0))
        self.clean = torch.stack([two, one])

    def start_epoch(self, epoch: int) -> None:
        """Count the samples of the epoch from zero."""
        self.epoch, self.seen = epoch, 0

    def loss(self, batch: Batch) -> Step:
        """CE of both networks in the warm-up; then `semi_supervised_loss` of both, on mixed images."""
        if self.epoch < self.warm_epochs:
            both = [network(batch.images) for network in (self.network, self.second)]
            return Step(self._warm_up_loss(both[0], batch) + self._warm_up_loss(both[1], batch), both[0])
        with torch.no_grad():
            both = [network(batch.images) for network in (self.network, self.second)]
        own, peer = (_mean_over_views(logits) for logits in both)
        for_first, for_second = self.clean.index_select(1, batch.index[: len(own)])
        loss = self._mixed_loss(self.network, batch, own, peer, for_first)
        loss = loss + self._mixed_loss(self.second, batch, peer, own, for_second)
        return Step(loss, both[0], (for_first > self.threshold).repeat(2))

    def _warm_up_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        loss = functional.cross_entropy(widened(logits), batch.labels)
        return loss + negative_entropy(logits) if self.confidence_penalty else loss

    def _mixed_loss(self, network: nn.Module, batch: Batch, own: Tensor, peer: Tensor, clean: Tensor) -> Tensor:
        """MixMatch of one network: all entries are mixed with others of the batch, and count as what their larger share is."""
        labelled = clean > self.threshold
        targets = co_targets(own, peer, batch.labels[: len(own)], clean, labelled, temperature=self.temperature).repeat(2, 1)
        images, targets = mixup(batch.images, targets, alpha=self.alpha)
        return semi_supervised_loss(network(images), targets, labelled.repeat(2), weight=self.unlabelled_weight())

    def unlabelled_weight(self) -> float:
        """lambda_u, after a linear rise from the end of the warm-up."""
        progress = self.epoch + self.seen / self.num_samples
        return self.lambda_u * min(max((progress - self.warm_epochs) / (RAMP_UP * self.epochs), 0), 1)

    def observe(self, logits: Tensor, batch: Batch) -> None:  # noqa: ARG002
        """Count the samples of the epoch."""
        self.seen += batch.new.stop - batch.new.start

    def forward(self, images: Tensor) -> Tensor:
        """The sum of both networks' logits float[B, K]."""
        logits: Tensor = self.network(images) + self.second(images)
        return logits

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:
        """Two views through both networks; after the warm-up twice, and once more each image for the mixtures."""
        warm = whole_epochs(options.get("warm_up", 0.1), epochs)
        return (4 * warm + 10 * (epochs - warm)) / epochs


def _mean_over_views(logits: Tensor) -> Tensor:
    """The mean prediction of [a view, the other view], in at least float32: float[B / 2, K]."""
    first, second = functional.softmax(widened(logits), dim=1).chunk(2)
    return (first + second) / 2
