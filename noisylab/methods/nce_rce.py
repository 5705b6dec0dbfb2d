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
    """Per sample log p_g / sum_k log p_k: the cross-entropy over the sum of those of all labels (Ma et al. 2020).

    logits: float[B, K]; labels: int64[B]; result float[B] in (0, 1), in at least float32.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    return functional.nll_loss(log_p, labels, reduction="none") / -log_p.sum(dim=1)


def nce_rce_loss(logits: Tensor, labels: Tensor, *, alpha: float, beta: float, normalised: bool = True) -> Tensor:
    """The loss alpha NCE + beta RCE, averaged over the batch (Ma et al. 2020); RCE is divided by 4 (K - 1) if `normalised`.

    logits: float[B, K]; labels: int64[B]. Computed in at least float32.
    """
    active = normalised_cross_entropies(logits, labels).mean()
    passive = reverse_cross_entropies(logits, labels).mean()
    return alpha * active + beta * (passive / (4 * (logits.shape[1] - 1)) if normalised else passive)


@METHODS.register("nce_rce")
class NCERCE(Method):
    """Active + passive loss, alpha NCE + beta RCE with log 0 = log 1e-4 (Ma et al., ICML 2020).

    The defaults are for CIFAR-10; for CIFAR-100 the paper has alpha = 10, beta = 0.1. Like the absolute error, the passive part
    can leave whole classes unlearned at high learning rates; the paper uses 0.01.

    Args:
        alpha: Weight of NCE.
        beta: Weight of RCE.
        normalised: Divide RCE by 4 (K - 1), as in NRCE (the public code multiplies by (K - 1) / 4 there). NCE+RCE of paper and
            code does not normalise.
    """

    def __init__(self, run: RunInfo, *, alpha: NonNegative = 1.0, beta: NonNegative = 1.0, normalised: bool = True) -> None:
        super().__init__(run)
        self.alpha, self.beta, self.normalised = alpha, beta, normalised

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`nce_rce_loss` of the given labels."""
        return nce_rce_loss(logits, batch.labels, alpha=self.alpha, beta=self.beta, normalised=self.normalised)
