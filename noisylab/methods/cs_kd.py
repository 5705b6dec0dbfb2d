"""CS-KD: samples with the same given label get similar predictions (Yun et al., CVPR 2020)."""

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import distillation
from noisylab.methods.provenance import Provenance


def cs_kd_loss(logits: Tensor, labels: Tensor, partner: Tensor, *, temperature: float, alpha: float) -> Tensor:
    """CE + alpha T^2 KL(partner || student), averaged over the batch.

    logits: float[B, K]; labels: int64[B]; partner: float[B, K], the logits of other samples with the same given labels, without
    gradient.
    """
    loss = functional.cross_entropy(logits, labels)
    return loss + alpha * distillation(logits, partner, temperature=temperature)


@METHODS.register("cs_kd")
class CSKD(Method):
    """CE + alpha T^2 KL(prediction of another sample with the same given label || own) (Yun et al., CVPR 2020).

    One forward pass over [new, partners]; the paper takes two. As in its code, only the new samples have a cross-entropy, and
    the partners get no gradient.
    """

    composition = "same_class"
    provenance = Provenance(
        "paper",
        numbers={"temperature": "code", "alpha": "code"},
        deviations=(
            "both halves in one forward pass, so they share batch statistics",
            "the partner is another sample; in the public code it may be the sample itself",
        ),
        published="ResNet-18 on CIFAR-100: 78.66 % in Self-KD-Lib, where CE has 76.24; not run here",
    )

    def __init__(self, run: RunInfo, *, temperature: Positive = 4.0, alpha: NonNegative = 1.0) -> None:
        super().__init__(run)
        self.temperature, self.alpha = temperature, alpha

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`cs_kd_loss` of [new, partners]."""
        new, partner = logits.chunk(2)
        weights = {"temperature": self.temperature, "alpha": self.alpha}
        return cs_kd_loss(new, batch.labels[: len(new)], partner, **weights)
