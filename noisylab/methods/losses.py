"""Losses that several methods share."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.data.batches.batch import Batch


def widened(logits: Tensor) -> Tensor:
    """The logits in float32 at least, where a loss is computed."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def given_targets(batch: Batch, logits: Tensor) -> Tensor:
    """What cross-entropy takes as the given labels: int64[B]; of mixed images share y + (1 - share) y', float[B, K].

    logits: float[B, K], for the number of classes.
    """
    if batch.mix is None:
        return batch.labels
    share = batch.mix.share[:, None]
    targets = share.new_zeros(logits.shape).scatter_add_(1, batch.labels[:, None], share)
    return targets.scatter_add_(1, batch.mix.labels[:, None], 1 - share)


def distillation(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), averaged over the batch (Hinton et al. 2015).

    student, teacher: logits float[B, K]; no gradient reaches the teacher. Computed in float32 at least.
    """
    precision = torch.promote_types(student.dtype, torch.float32)
    log_student = functional.log_softmax(student.to(precision) / temperature, dim=1)
    log_teacher = functional.log_softmax(teacher.detach().to(precision) / temperature, dim=1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return temperature**2 * divergence


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-sum_k t_k log p_k, averaged over the batch.

    logits, targets: float[B, K]; the rows of targets are probabilities, and no gradient reaches them. Computed in float32 at
    least.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_p = functional.log_softmax(logits.to(precision), dim=1)
    return -(targets.detach().to(precision) * log_p).sum(dim=1).mean()
