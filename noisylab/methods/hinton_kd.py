"""Knowledge distillation from a finished network (Hinton et al. 2015)."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive, UnitInterval
from noisylab.core.registries import METHODS, MODELS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo, TeacherProvider
from noisylab.methods.losses import distillation, given_targets
from noisylab.methods.provenance import Provenance


def hinton_kd_loss(logits: Tensor, labels: Tensor, teacher: Tensor, *, temperature: float, alpha: float) -> Tensor:
    """(1 - alpha) CE + alpha T^2 KL(teacher || student), averaged over the batch.

    logits, teacher: float[B, K]; labels: int64[B]. The teacher gets no gradient.
    """
    taught = alpha * distillation(logits, teacher, temperature=temperature)
    return (1 - alpha) * functional.cross_entropy(logits, labels) + taught


@METHODS.register("hinton_kd", main="teacher")
class HintonKD(Method):
    """(1 - alpha) CE + alpha T^2 KL(a finished teacher || student) (Hinton et al., arXiv 2015).

    Args:
        teacher: Spec of the teacher's network, which CE trains first on the same given labels; None: like the student's.
        temperature: The temperature T.
        alpha: Weight of the distillation.
    """

    supports_mixed_images = True
    # The student and the teacher.
    passes_per_image = 2
    provenance = Provenance(
        "paper",
        numbers={"teacher": "ours", "temperature": "ours: usual values", "alpha": "ours: usual values"},
        deviations=("the teacher is trained on the same labels, by cross-entropy alone",),
    )

    teacher: Frozen

    def __init__(
        self, run: RunInfo, *, teacher: str | None = None, temperature: Positive = 4.0, alpha: UnitInterval = 0.9
    ) -> None:
        super().__init__(run)
        # Refuse a wrong spec before anything is trained.
        self.teacher_model = None if teacher is None else str(MODELS.parse(teacher))
        self.temperature, self.alpha = temperature, alpha

    def prepare(self, teachers: TeacherProvider) -> None:
        """Get the network that CE trained."""
        self.teacher = Frozen(teachers.trained("ce", model=self.teacher_model).network)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`hinton_kd_loss` of the batch."""
        teacher = self.teacher(batch.images)
        weights = {"temperature": self.temperature, "alpha": self.alpha}
        return hinton_kd_loss(logits, given_targets(batch, logits), teacher, **weights)

    @classmethod
    def num_trainings(cls, **options: Any) -> int:  # noqa: ARG003 - the same for all
        """Two: the teacher and the student."""
        return 2
