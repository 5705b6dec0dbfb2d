"""Mean teacher: the moving average of the weights teaches (Tarvainen and Valpola, NeurIPS 2017)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Momentum, NonNegative, Positive, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.averaged import Averaged
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import distillation, widened
from noisylab.methods.provenance import Fidelity, Provenance, Recipe
from noisylab.methods.soft_targets import gaussian_rise


def mean_teacher_loss(logits: Tensor, teacher: Tensor, labels: Tensor, *, weight: Tensor | float) -> Tensor:
    """CE + weight (p - p_teacher)^2, averaged over the batch, the second term over the classes too.

    logits, teacher: float[B, K]; labels: int64[B]. The teacher gets no gradient. Computed in at least float32.
    """
    p, q = (functional.softmax(widened(z), dim=1) for z in (logits, teacher.detach()))
    return functional.cross_entropy(widened(logits), labels) + weight * functional.mse_loss(p, q)


@METHODS.register("mean_teacher")
class MeanTeacher(Method):
    """CE + weight (p - p')^2, p' of the averaged weights for the other view (Tarvainen and Valpola, NeurIPS 2017).

    The teacher starts as a copy of the student. After step t its parameters are averaged with decay min(1 - 1/(t + 1), decay),
    and its batch norms work as in training, on its own passes. The weight is ramped by exp(-5 (1 - e/L)^2).

    Args:
        form: "mse": the squared difference, averaged over samples and classes, as published; "kl": T^2 KL(teacher || student).
        weight: Its final weight; None: 100 for "mse", as published, and 1 for "kl", of which 100 would drown the labels.
        temperature: T of "kl".
        decay: Share of the average that stays.
        ramp: L, the epochs over which the weight rises, as a share of the run.
    """

    composition = "twin"
    target_update = "batch"
    # Student and teacher see both views.
    passes_per_image = 2
    provenance = Provenance(
        fidelity="approximation",
        numbers={
            "form": "paper and code; 'kl' is ours",
            "weight": "paper and code for 'mse'; ours for 'kl'",
            "temperature": "ours",
            "decay": "paper, during its ramp-up",
            "ramp": "public code for CIFAR-10, 5 of 180 epochs as a share of the run",
        },
        deviations=(
            "all samples are labelled",
            "the student is measured, while the paper's results are its teacher's",
            "one decay, while the paper has .999 after the ramp-up (decay)",
            "both views learn from the other view's target, in one forward pass",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, pytorch/experiments/cifar10_test.py", "sgd", learning_rate=0.05, weight_decay=2e-4)
    }

    weight: Tensor
    updates: int

    def __init__(
        self,
        run: RunInfo,
        *,
        form: Literal["mse", "kl"] = "mse",
        weight: NonNegative | None = None,
        temperature: Positive = 3.0,
        decay: Momentum = 0.99,
        ramp: UnitInterval = 0.028,
    ) -> None:
        super().__init__(run)
        self.form, self.temperature, self.decay = form, temperature, decay
        self.final_weight = (100.0 if form == "mse" else 1.0) if weight is None else weight
        self.ramp, self.epochs = ramp, run.epochs
        self.teacher = Averaged(self.network)
        self.remember(weight=torch.zeros(()), updates=0)

    def start_epoch(self, epoch: int) -> None:
        """Set the weight."""
        self.weight.fill_(self.final_weight * gaussian_rise(epoch, self.epochs, over=self.ramp))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of [new, the same again], each entry with the teacher's prediction of the other view."""
        first, second = self.teacher(batch.images).chunk(2)
        other = torch.cat([second, first])
        if self.form == "mse":
            return mean_teacher_loss(logits, other, batch.labels, weight=self.weight)
        taught = distillation(logits, other, temperature=self.temperature)
        return functional.cross_entropy(widened(logits), batch.labels) + self.weight * taught

    def after_step(self) -> None:
        """Average the parameters."""
        self.updates += 1
        self.teacher.update(self.network.parameters(), decay=min(1 - 1 / (self.updates + 1), self.decay))

    @classmethod
    def fidelity_for(cls, **options: Any) -> Fidelity:
        """The divergence is ours."""
        return "ours" if options.get("form") == "kl" else cls.provenance.fidelity
