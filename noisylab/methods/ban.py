"""BAN: born-again networks, generation after generation (Furlanello et al., ICML 2018)."""

from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound, Positive
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Frozen, Method, RunInfo, TeacherProvider
from noisylab.methods.losses import given_targets, soft_cross_entropy
from noisylab.methods.provenance import Provenance


def ban_loss(logits: Tensor, labels: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """CE + T^2 CE(teacher, student), averaged over the batch; the second with both sides at temperature T.

    logits, teacher: float[B, K]; labels: int64[B]. The teacher gets no gradient.
    """
    precision = torch.promote_types(teacher.dtype, torch.float32)
    targets = functional.softmax(teacher.detach().to(precision) / temperature, dim=1)
    taught = temperature**2 * soft_cross_entropy(logits.to(precision) / temperature, targets)
    return functional.cross_entropy(logits, labels) + taught


@METHODS.register("ban", main="generations")
class BAN(Method):
    """CE with the label + T^2 CE with the prediction of the generation before (Furlanello et al., ICML 2018).

    Args:
        generations: Number of networks that are trained one after another. Each has its own initialisation and is taught by the
            one before; the first is trained by CE alone, and the last is measured.
        temperature: The temperature T.
    """

    supports_mixed_images = True
    # The network and the generation before.
    passes_per_image = 2
    provenance = Provenance(
        "paper",
        numbers={"generations": "ours", "temperature": "paper"},
        deviations=("the last generation is measured; the ensemble of all generations is not built",),
    )

    teacher: Frozen

    def __init__(self, run: RunInfo, *, generations: Annotated[int, Bound(ge=2)] = 2, temperature: Positive = 1.0) -> None:
        super().__init__(run)
        self.generations, self.temperature = generations, temperature

    def prepare(self, teachers: TeacherProvider) -> None:
        """Get the network of the generation before."""
        earlier = f"ban(generations={self.generations - 1}, temperature={self.temperature!r})"
        self.teacher = Frozen(teachers.trained("ce" if self.generations == 2 else earlier).network)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`ban_loss` of the batch."""
        teacher = self.teacher(batch.images)
        return ban_loss(logits, given_targets(batch, logits), teacher, temperature=self.temperature)

    @classmethod
    def num_trainings(cls, **options: Any) -> int:
        """One per generation."""
        return int(options["generations"])

    @classmethod
    def compute_factor(cls, *, epochs: int, **options: Any) -> float:  # noqa: ARG003 - the same for all
        """One for the first generation and two for each later one."""
        return 2.0 * int(options["generations"]) - 1
