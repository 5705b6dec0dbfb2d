"""Losses that several methods share."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.data.batches.batch import Batch


def widened(logits: Tensor) -> Tensor:
    """The logits in at least float32, for computing a loss."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """y: float[B, K], with the shape, dtype and device of `like`. Unlike torch's own, it never waits for the device.

    labels: int64[B].
    """
    return torch.zeros_like(like).scatter_(1, labels[:, None], 1)


def given_targets(batch: Batch, logits: Tensor) -> Tensor:
    """The targets of cross-entropy: the given labels int64[B]; for mixed images share y + (1 - share) y', float[B, K].

    logits: float[B, K], for the number of classes.
    """
    if batch.mix is None:
        return batch.labels
    share = batch.mix.share[:, None]
    targets = share.new_zeros(logits.shape).scatter_add_(1, batch.labels[:, None], share)
    return targets.scatter_add_(1, batch.mix.labels[:, None], 1 - share)


def distillation(student: Tensor, teacher: Tensor, *, temperature: float, counts: Tensor | None = None) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), averaged over the batch.

    Args:
        student: Logits float[B, K].
        teacher: Logits float[B, K], without gradient.
        temperature: The temperature T.
        counts: bool[B], the rows that are averaged; None: all. Rows of the teacher that do not count need not be finite.

    Returns:
        The scalar loss, computed in at least float32.

    Example:
        >>> import torch
        >>> from noisylab.methods import distillation
        >>> distillation(torch.zeros(2, 10), torch.zeros(2, 10), temperature=3.0).item()
        0.0

    Source:
        Hinton et al., arXiv 2015.
    """
    precision = torch.promote_types(student.dtype, torch.float32)
    log_student = functional.log_softmax(student.to(precision) / temperature, dim=1)
    log_teacher = functional.log_softmax(teacher.detach().to(precision) / temperature, dim=1)
    if counts is None:
        return temperature**2 * functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    log_student, log_teacher = (log_p.where(counts[:, None], 0.0) for log_p in (log_student, log_teacher))
    divergence = functional.kl_div(log_student, log_teacher, reduction="sum", log_target=True)
    return temperature**2 * (divergence / counts.sum().clamp(min=1))


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-sum_k t_k log p_k, averaged over the batch.

    logits, targets: float[B, K]; the rows of targets are probabilities, without gradient. Computed in at least float32.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_p = functional.log_softmax(logits.to(precision), dim=1)
    return -(targets.detach().to(precision) * log_p).sum(dim=1).mean()
