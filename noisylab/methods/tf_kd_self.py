"""Tf-KD_self: a network taught by the same network, trained before (Yuan et al., CVPR 2020)."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo, TeacherProvider
from noisylab.methods.losses import distillation, given_targets
from noisylab.methods.provenance import Provenance


def tf_kd_self_loss(
    logits: Tensor, labels: Tensor, teacher: Tensor, *, temperature: float, alpha: float, beta: float
) -> Tensor:
    """(1 - alpha) CE + beta T^2 KL(teacher || student), averaged over the batch.

    logits, teacher: float[B, K]; labels: int64[B]. The teacher gets no gradient.
    """
    taught = beta * distillation(logits, teacher, temperature=temperature)
    return (1 - alpha) * functional.cross_entropy(logits, labels) + taught


@METHODS.register("tf_kd_self")
class TfKDSelf(Method):
    """(1 - alpha) CE + beta T^2 KL(the same network trained with CE before || student) (Yuan et al., CVPR 2020).

    Args:
        temperature: The temperature T.
        alpha: 1 - weight of CE.
        beta: Weight of the divergence. Both defaults are in effect in the public code for ResNet-18 on CIFAR-100, which also
            averages the divergence over classes and multiplies it by 50.
    """

    supports_mixed_images = True
    # The student and the teacher.
    passes_per_image = 2
    provenance = Provenance(
        "code",
        numbers={
            "temperature": "code, ResNet-18 on CIFAR-100",
            "alpha": "code, ResNet-18 on CIFAR-100",
            "beta": "code, ResNet-18 on CIFAR-100: .95 x 50 / 100",
        },
        deviations=("the divergence is a mean over the batch; the code's, over classes too, times 50, is beta=4.75 at K = 10",),
        published="ResNet-18 on CIFAR-100: 77.10 % in its paper, where CE has 75.87; not run here",
    )

    teacher: Frozen

    def __init__(
        self, run: RunInfo, *, temperature: Positive = 6.0, alpha: UnitInterval = 0.95, beta: NonNegative = 0.475
    ) -> None:
        super().__init__(run)
        self.temperature, self.alpha, self.beta = temperature, alpha, beta

    def prepare(self, teachers: TeacherProvider) -> None:
        """Get the network that CE trained."""
        self.teacher = Frozen(teachers.trained("ce").network)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`tf_kd_self_loss` of the batch."""
        teacher = self.teacher(batch.images)
        weights = {"temperature": self.temperature, "alpha": self.alpha, "beta": self.beta}
        return tf_kd_self_loss(logits, given_targets(batch, logits), teacher, **weights)

    @classmethod
    def num_trainings(cls, **options: Any) -> int:  # noqa: ARG003 - the same for all
        """Two: the teacher and the student."""
        return 2
