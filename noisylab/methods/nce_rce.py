"""NCE + RCE: an active and a passive loss, both robust (Ma et al., ICML 2020)."""

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.sce import reverse_cross_entropies


def normalised_cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Of each sample, log p_g / sum_k log p_k: its cross-entropy over the sum of those with all labels (Ma et al. 2020).

    logits: float[B, K]; labels: int64[B]; result float[B] in (0, 1), in float32 at least.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    return functional.nll_loss(log_p, labels, reduction="none") / -log_p.sum(dim=1)


def nce_rce_loss(logits: Tensor, labels: Tensor, *, alpha: float, beta: float, normalised: bool = True) -> Tensor:
    """The loss alpha NCE + beta RCE, averaged over the batch (Ma et al. 2020); RCE is divided by 4 (K - 1) where `normalised`.

    logits: float[B, K]; labels: int64[B]. Computed in float32 at least.
    """
    active = normalised_cross_entropies(logits, labels).mean()
    passive = reverse_cross_entropies(logits, labels).mean()
    return alpha * active + beta * (passive / (4 * (logits.shape[1] - 1)) if normalised else passive)


@METHODS.register("nce_rce")
class NCERCE(Method):
    """Active + passive loss, alpha NCE + beta RCE with log 0 = log 1e-4 (Ma et al., ICML 2020).

    The defaults are those for CIFAR-10; for CIFAR-100 the paper has alpha = 10, beta = 0.1. normalised: RCE is divided by
    4 (K - 1), as in NRCE (for which the public code multiplies by (K - 1) / 4); NCE+RCE of paper and code has it not. Like the
    absolute error, the passive part can leave whole classes unlearned at high learning rates; the paper's is 0.01.
    """

    def __init__(self, run: RunInfo, *, alpha: NonNegative = 1.0, beta: NonNegative = 1.0, normalised: bool = True) -> None:
        super().__init__(run)
        self.alpha, self.beta, self.normalised = alpha, beta, normalised

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`nce_rce_loss` of the given labels."""
        return nce_rce_loss(logits, batch.labels, alpha=self.alpha, beta=self.beta, normalised=self.normalised)
