"""Tf-KD_reg: a network taught by a distribution made by hand (Yuan et al., CVPR 2020)."""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Fidelity, Provenance

Form = Literal["code", "paper"]


def virtual_teacher(
    labels: Tensor, num_classes: int, *, temperature: float, correct: float, form: Form, dtype: torch.dtype
) -> Tensor:
    """[B, K]: p has `correct` on the label and is even over the other classes. "paper": p^(1/T), normalised.

    "code": softmax(p / T), as if the probabilities were logits.
    """
    others = num_classes - 1
    p = torch.full((len(labels), num_classes), (1 - correct) / max(others, 1), dtype=dtype, device=labels.device)
    p.scatter_(1, labels[:, None], correct if others else 1.0)
    return functional.softmax((p if form == "code" else p.log()) / temperature, dim=1)


def tf_kd_reg_loss(
    logits: Tensor, labels: Tensor, *, temperature: float, alpha: float, correct: float, form: Form = "code"
) -> Tensor:
    """(1 - alpha) CE + alpha KL(teacher || p), averaged over the batch, with the teacher of `virtual_teacher`.

    logits: float[B, K]; labels: int64[B]. "paper": p is softened by T as well, and there is no factor T^2. "code": p at T = 1.
    """
    log_p = functional.log_softmax(widened(logits) / (temperature if form == "paper" else 1.0), dim=1)
    teacher = virtual_teacher(labels, logits.shape[1], temperature=temperature, correct=correct, form=form, dtype=log_p.dtype)
    divergence = functional.kl_div(log_p, teacher, reduction="batchmean")
    return (1 - alpha) * functional.cross_entropy(logits, labels) + alpha * divergence


@METHODS.register("tf_kd_reg")
class TfKDReg(Method):
    """(1 - alpha) CE + alpha KL(p_d || p), p_d made by hand: `correct` on the given label (Yuan et al., CVPR 2020).

    Args:
        temperature: The temperature T.
        alpha: Weight of the divergence.
        correct: Probability of the given label in p_d.
        form: "code": the public code's loss, where only p_d is softened, as softmax(p_d / T). With the defaults it equals
            `lsr:0.1` to .05 % of the gradient, so leave one of the two out of rankings. "paper": the printed loss, both sides
            at temperature T without a factor T^2, whose gradient is .9 times that of CE to .03 % at T = 20.
    """

    is_base_loss = True
    provenance = Provenance(
        "code",
        numbers={
            "temperature": "code, ResNet-18",
            "alpha": "code, ResNet-18",
            "correct": "code",
            "form": "ours: the form that acts",
        },
        deviations=(
            "equals lsr:0.1 to .05 % of the gradient; form='paper' is the printed loss, which equals .9 CE to .03 %",
            "the divergence is a mean over the batch; the code's, a mean over classes too, times 100, equals it at K = 100",
        ),
        published="ResNet-18 on CIFAR-100: 76.61 % in Self-KD-Lib, where CE has 76.24; not run here",
    )

    def __init__(
        self,
        run: RunInfo,
        *,
        temperature: Positive = 20.0,
        alpha: UnitInterval = 0.1,
        correct: UnitInterval = 0.99,
        form: Literal["code", "paper"] = "code",
    ) -> None:
        super().__init__(run)
        self.temperature, self.alpha, self.correct, self.form = temperature, alpha, correct, form

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`tf_kd_reg_loss` of the batch."""
        weights = {"temperature": self.temperature, "alpha": self.alpha, "correct": self.correct}
        return tf_kd_reg_loss(logits, batch.labels, **weights, form=self.form)

    @classmethod
    def fidelity_for(cls, **options: Any) -> Fidelity:
        """That of the form."""
        form: Form = options.get("form", "code")
        return form
