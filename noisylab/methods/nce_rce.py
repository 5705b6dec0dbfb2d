"""NCE + RCE: an active and a passive loss, both robust (Ma et al., ICML 2020)."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe
from noisylab.methods.sce import reverse_cross_entropies


def normalised_cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Per sample log p_g / sum_k log p_k: the cross-entropy over the sum of those of all labels (Ma et al. 2020).

    logits: float[B, K]; labels: int64[B]; result float[B] in (0, 1), in at least float32.
    """
    log_p = functional.log_softmax(widened(logits), dim=1)
    return functional.nll_loss(log_p, labels, reduction="none") / -log_p.sum(dim=1)


def nce_rce_loss(logits: Tensor, labels: Tensor, *, alpha: float, beta: float) -> Tensor:
    """The loss alpha NCE + beta RCE, averaged over the batch (Ma et al. 2020); RCE = -log 1e-4 (1 - p_g).

    logits: float[B, K]; labels: int64[B]. Computed in at least float32.
    """
    active = normalised_cross_entropies(logits, labels).mean()
    return alpha * active + beta * reverse_cross_entropies(logits, labels).mean()


@METHODS.register("nce_rce")
class NCERCE(Method):
    """Active + passive loss, alpha NCE + beta RCE with log 0 = log 1e-4 (Ma et al., ICML 2020).

    The defaults are for CIFAR-10; the paper has alpha = 10, beta = 0.1 for CIFAR-100 and 1, 10 for MNIST. Like the absolute
    error, the passive part can leave whole classes unlearned at high learning rates: use the paper's recipe.

    Args:
        alpha: Weight of NCE.
        beta: Weight of RCE.
    """

    is_base_loss = True
    provenance = Provenance(
        "paper",
        numbers={"alpha": "paper, CIFAR-10", "beta": "paper, CIFAR-10"},
        deviations=("CIFAR-100 has alpha=10, beta=0.1 and MNIST alpha=1, beta=10 there",),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("paper, MNIST and CIFAR-10", learning_rate=0.01, gradient_clip=5.0),
        "cifar100": Recipe("paper, CIFAR-100", learning_rate=0.1, weight_decay=1e-5, gradient_clip=5.0),
    }

    def __init__(self, run: RunInfo, *, alpha: NonNegative = 1.0, beta: NonNegative = 1.0) -> None:
        super().__init__(run)
        self.alpha, self.beta = alpha, beta

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`nce_rce_loss` of the given labels."""
        return nce_rce_loss(logits, batch.labels, alpha=self.alpha, beta=self.beta)
