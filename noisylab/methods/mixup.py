"""mixup: training on convex combinations of samples (Zhang et al., ICLR 2018)."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, checked
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.losses import widened


def mixup_loss(logits: Tensor, labels: Tensor, partners: Tensor, *, share: Tensor | float) -> Tensor:
    """CE with share y + (1 - share) y', averaged over the batch (Zhang et al. 2018).

    logits: float[B, K] of the mixed images; labels, partners: int64[B], those of the images in the mix. Computed in float32 at
    least.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    return share * functional.nll_loss(log_p, labels) + (1 - share) * functional.nll_loss(log_p, partners)


@METHODS.register("mixup")
class Mixup(Method):
    """Cross-entropy on mixed images with equally mixed labels, shares from Beta(alpha, alpha) (Zhang et al., ICLR 2018).

    alpha: 0 does not mix. One share for a batch, which is mixed with a permutation of itself, as in the public code. Both are
    drawn from the default generators. The network sees no image of the batch as it is, so there are no logits to record.
    """

    @checked
    def __init__(self, run: RunInfo, *, alpha: NonNegative = 1.0) -> None:
        super().__init__(run)
        self.alpha = alpha

    def loss(self, batch: Batch) -> Step:
        """`mixup_loss` of the batch mixed with itself."""
        share, order = self._draw(len(batch.images), batch.images.device)
        mixed = share * batch.images + (1 - share) * batch.images.index_select(0, order)
        partners = batch.labels.index_select(0, order)
        return Step(mixup_loss(self.network(mixed), batch.labels, partners, share=share), None)

    def _draw(self, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """The share of each image, and its partner. The share is a scalar on the CPU, so that nothing waits for the device."""
        if self.alpha == 0:
            return torch.ones(()), torch.arange(size, device=device)
        # The share of one of two Gamma(alpha) draws, from their logarithms: for small alpha both would underflow to 0, and
        # torch's own Beta gives 1/2 then. Gamma(alpha) is Gamma(alpha + 1) U^(1 / alpha), and -log U is exponential.
        alpha = torch.full((2,), self.alpha, dtype=torch.float64)
        gamma = torch.distributions.Gamma(alpha + 1, torch.ones_like(alpha), validate_args=False).sample()
        log_gamma = gamma.log() - torch.empty_like(alpha).exponential_() / alpha
        return torch.sigmoid(log_gamma[0] - log_gamma[1]).float(), torch.randperm(size, device=device)
