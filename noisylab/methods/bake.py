"""BAKE: the predictions of similar samples in the batch are ensembled into targets (Ge et al., 2021)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound, Positive
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.composition import Composition
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Fidelity, Provenance, Recipe
from noisylab.methods.soft_targets import soft_targets, target_divergence


@torch.no_grad()
def ensembled_targets(logits: Tensor, features: Tensor, *, temperature: float, weight: float) -> Tensor:
    """(1 - w) (I - w A)^-1 softmax(z / T): float[B, K], without gradient (Ge et al. 2021).

    It is what spreading the predictions over similar samples for ever comes to: the sum of (1 - w) (w A)^n p over n.
    A is the softmax, over the other samples, of the cosines of the features; a sample alone in its batch keeps its prediction.

    logits: float[B, K]; features: float[B, D]; weight: w, in [0, 1). Rows of the result are probabilities.
    """
    # Products of halves are too coarse for the inverse, also under autocast.
    with torch.autocast(logits.device.type, enabled=False):
        unit = functional.normalize(widened(features), dim=1)
        itself = torch.eye(len(unit), dtype=unit.dtype, device=unit.device)
        affinity = (unit @ unit.t()).masked_fill(itself.bool(), -1e9).softmax(dim=1)
        p = soft_targets(logits, temperature=temperature).to(unit.dtype)
        # Diagonally dominant, so it is never singular. Without the check of that, nothing waits for the device.
        mixed, _ = torch.linalg.solve_ex(itself - weight * affinity, p)
        return torch.mul(mixed, 1 - weight)


def bake_loss(logits: Tensor, features: Tensor, labels: Tensor, *, temperature: float, weight: float) -> Tensor:
    """CE + T^2 KL(target || p^T), averaged over the batch, with `ensembled_targets`.

    logits: float[B, K]; features: float[B, D], the inputs of the classifier; labels: int64[B].
    """
    targets = ensembled_targets(logits, features, temperature=temperature, weight=weight)
    taught = target_divergence(logits, targets, temperature=temperature).mean()
    return functional.cross_entropy(widened(logits), labels) + taught


@METHODS.register("bake")
class BAKE(Method):
    """CE + T^2 KL(target || p), targets spread over similar samples of the batch by their features (Ge et al., arXiv 2021).

    The published batches are made of samples with the same given label, so like CS-KD it relies on the labels; with
    batches="plain" it does not, which is our control.

    Args:
        weight: w, the share of the others in a target, below 1; the paper has .9 on fine-grained data sets.
        temperature: The temperature T.
        batches: "same_class": every sample has a partner with the same given label; "plain": samples as they come.
    """

    composition: Composition = "same_class"
    provenance = Provenance(
        fidelity="approximation",
        numbers={
            "weight": "paper and code, CIFAR-100",
            "temperature": "paper and code",
            "batches": "'same_class': paper; 'plain': ours",
        },
        deviations=("one partner of the same given label for each sample, while the paper has three",),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("public code, small_scale/train.py", "sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-4)
    }

    def __init__(
        self,
        run: RunInfo,
        *,
        weight: Annotated[float, Bound(ge=0, lt=1)] = 0.5,
        temperature: Positive = 4.0,
        batches: Literal["same_class", "plain"] = "same_class",
    ) -> None:
        super().__init__(run)
        self.composition = self.composition_for(batches=batches)
        self.weight, self.temperature = weight, temperature

    @classmethod
    def composition_for(cls, **options: Any) -> Composition:
        """As the option `batches` says."""
        return "plain" if options.get("batches") == "plain" else "same_class"

    @classmethod
    def fidelity_for(cls, **options: Any) -> Fidelity:
        """Plain batches are ours."""
        return "ours" if options.get("batches") == "plain" else cls.provenance.fidelity

    def loss(self, batch: Batch) -> Step:
        """`bake_loss` of all entries."""
        features = self.network.pool(self.network.stage_outputs(batch.images)[-1])
        logits = self.network.classifier(features)
        return Step(bake_loss(logits, features, batch.labels, temperature=self.temperature, weight=self.weight), logits)
