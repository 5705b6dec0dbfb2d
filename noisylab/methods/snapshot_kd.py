"""Snapshot distillation: the last cycle of the learning rate teaches the next (Yang et al., CVPR 2019)."""

import bisect
import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive, PositiveInt
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo, every_epochs
from noisylab.methods.losses import given_targets
from noisylab.methods.provenance import Provenance


def snapshot_kd_loss(logits: Tensor, labels: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """(1 + 1/T) CE + KL(teacher^T || student), averaged over the batch; only the teacher is softened.

    logits, teacher: float[B, K]; labels: int64[B]. The teacher gets no gradient.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_student = functional.log_softmax(logits.to(precision), dim=1)
    log_teacher = functional.log_softmax(teacher.detach().to(precision) / temperature, dim=1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return (1 + 1 / temperature) * functional.cross_entropy(logits, labels) + divergence


@METHODS.register("snapshot_kd", main="cycles")
class SnapshotKD(Method):
    """(1 + 1/T) CE + KL(network at the end of the last cycle, at T || its prediction) (Yang et al., CVPR 2019).

    The network continues from cycle to cycle. Each cycle goes through the whole schedule of the learning rate, and the first is
    CE alone.

    Args:
        cycles: Parts of the training, as equal as whole epochs allow; at most as many as epochs.
        temperature: T of the teacher.
    """

    supports_mixed_images = True
    provenance = Provenance(
        "paper",
        numbers={"cycles": "ours", "temperature": "paper"},
        deviations=("every cycle goes through the study's schedule",),
    )

    taught: bool

    def __init__(self, run: RunInfo, *, cycles: PositiveInt = 2, temperature: Positive = 2.0) -> None:
        super().__init__(run)
        if cycles > run.epochs:
            raise ValueError(f"cycles must be at most the number of epochs, {run.epochs}, got {cycles}")
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
        """Take the snapshot at the end of each cycle except the last."""
        if epoch + 1 in self.starts[1:-1]:
            self.snapshot.network.load_state_dict(self.network.state_dict())
            self.taught = True

    def schedule_position(self, progress: float) -> float:
        """The position in the whole schedule that corresponds to the position in the cycle."""
        cycle = min(bisect.bisect_right(self.starts, progress), len(self.starts) - 1) - 1
        start, end = self.starts[cycle], self.starts[cycle + 1]
        return (progress - start) / (end - start) * self.starts[-1]

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:
        """One, and one more for the snapshot after the first cycle."""
        return 1 + (epochs - epochs // int(options.get("cycles", 2))) / epochs
