"""Tf-KD_reg: a network taught by a distribution made by hand (Yuan et al., CVPR 2020)."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo


def virtual_teacher(labels: Tensor, num_classes: int, *, temperature: float, correct: float, dtype: torch.dtype) -> Tensor:
    """[B, K]: p^(1/T), normalised, with p = `correct` on the label and even over the other classes."""
    others = num_classes - 1
    p = (correct, (1 - correct) / others) if others else (1.0, 0.0)
    label, other = ((share / max(p)) ** (1 / temperature) for share in p)
    total = label + others * other
    made = torch.full((len(labels), num_classes), other / total, dtype=dtype, device=labels.device)
    return made.scatter_(1, labels[:, None], label / total)


def tf_kd_reg_loss(logits: Tensor, labels: Tensor, *, temperature: float, alpha: float, correct: float) -> Tensor:
    """(1 - alpha) CE + alpha KL(p_d^T || p^T), averaged over the batch; p_d^T from `virtual_teacher`.

    logits: float[B, K]; labels: int64[B]. There is no factor T^2.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_student = functional.log_softmax(logits.to(precision) / temperature, dim=1)
    teacher = virtual_teacher(labels, logits.shape[1], temperature=temperature, correct=correct, dtype=precision)
    divergence = functional.kl_div(log_student, teacher, reduction="batchmean")
    return (1 - alpha) * functional.cross_entropy(logits, labels) + alpha * divergence


@METHODS.register("tf_kd_reg")
class TfKDReg(Method):
    """(1 - alpha) CE + alpha KL(p_d^T || p^T), p_d made by hand: `correct` on the given label (Yuan et al., CVPR 2020).

    This is the paper's form: both sides at temperature T and no factor T^2, so at T = 20 it is little more than CE with weight
    1 - alpha. The public code leaves the student at T = 1 and takes the softmax of p_d / T as if they were logits, which equals
    label smoothing (`lsr`).

    Args:
        temperature: T.
        alpha: Weight of the divergence.
        correct: Probability of the given label in p_d.
    """

    is_base_loss = True

    def __init__(
        self, run: RunInfo, *, temperature: Positive = 20.0, alpha: UnitInterval = 0.1, correct: UnitInterval = 0.99
    ) -> None:
        super().__init__(run)
        self.temperature, self.alpha, self.correct = temperature, alpha, correct

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`tf_kd_reg_loss` of the batch."""
        weights = {"temperature": self.temperature, "alpha": self.alpha, "correct": self.correct}
        return tf_kd_reg_loss(logits, batch.labels, **weights)
