"""Snapshot distillation: the last cycle of the learning rate teaches the next (Yang et al., CVPR 2019)."""

import bisect
import copy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive, PositiveInt
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo, every_epochs
from noisylab.methods.losses import given_targets


def snapshot_kd_loss(logits: Tensor, labels: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """(1 + 1/T) CE + KL(teacher^T || student), averaged over the batch; only the teacher is softened.

    logits, teacher: float[B, K]; labels: int64[B]; no gradient reaches the teacher.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_student = functional.log_softmax(logits.to(precision), dim=1)
    log_teacher = functional.log_softmax(teacher.detach().to(precision) / temperature, dim=1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return (1 + 1 / temperature) * functional.cross_entropy(logits, labels) + divergence


@METHODS.register("snapshot_kd", main="cycles")
class SnapshotKD(Method):
    """(1 + 1/T) CE + KL(network at the end of the last cycle, at T || its prediction) (Yang et al., CVPR 2019).

    cycles: parts of the training, as equal as whole epochs allow. The network goes on from one to the next; each goes through
    the whole schedule of the learning rate, and the first is CE alone. Raises ValueError for more cycles than epochs.
    """

    supports_mixed_images = True

    taught: bool

    def __init__(self, run: RunInfo, *, cycles: PositiveInt = 2, temperature: Positive = 2.0) -> None:
        super().__init__(run)
        if cycles > run.epochs:
            raise ValueError(f"cycles must be at most as many as the epochs, which are {run.epochs}, got {cycles}")
        # The epochs at which a cycle starts, and the end.
        self.starts = [cycle * run.epochs // cycles for cycle in range(cycles + 1)]
        self.snapshot = Frozen(copy.deepcopy(self.network))
        self.temperature = temperature
        if cycles > 1:
            self.target_update = every_epochs(min(np.diff(self.starts[:-1]).tolist()))
        self.remember(taught=False)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`snapshot_kd_loss` of the batch; cross-entropy in the first cycle."""
        if not self.taught:
            return functional.cross_entropy(logits, given_targets(batch, logits))
        teacher = self.snapshot(batch.images)
        return snapshot_kd_loss(logits, given_targets(batch, logits), teacher, temperature=self.temperature)

    def end_epoch(self, epoch: int) -> None:
        """Takes the snapshot at the end of a cycle that another one follows."""
        if epoch + 1 in self.starts[1:-1]:
            self.snapshot.network.load_state_dict(self.network.state_dict())
            self.taught = True

    def schedule_position(self, progress: float) -> float:
        """The place in the whole schedule that corresponds to the place in the cycle."""
        cycle = min(bisect.bisect_right(self.starts, progress), len(self.starts) - 1) - 1
        start, end = self.starts[cycle], self.starts[cycle + 1]
        return (progress - start) / (end - start) * self.starts[-1]
