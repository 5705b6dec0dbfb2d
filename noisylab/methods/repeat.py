"""The control for DLB: its batches without its distillation."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from noisylab.core.checks import SpecText
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo
from noisylab.methods.composed import Composed
from noisylab.methods.provenance import Provenance, Recipe


@METHODS.register("repeat")
class Repeat(Composed):
    """A base loss on DLB's batches, every sample twice an epoch: the control of DLB, alpha = 0 (Shen et al., CVPR 2022).

    Args:
        on: Spec of the base loss. A base with a memory sees each sample twice an epoch: see `dlb`.
    """

    composition = "last"
    provenance = Provenance(
        "ours",
        numbers={"on": "ours"},
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe(
            "that of DLB, whose control it is", optimizer="sgd", learning_rate=0.05, momentum=0.9, weight_decay=5e-4
        ),
    }

    def __init__(self, run: RunInfo, *, on: SpecText = "ce") -> None:
        super().__init__(run, on)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The base loss of all entries."""
        return self.supervised(logits, batch)
