"""CDR: only the parameters that matter for the fit are trained (Xia et al., ICLR 2021)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, UnitInterval
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import given_targets
from noisylab.methods.provenance import Provenance, Recipe


def cdr_gradients(weights: Sequence[Tensor], gradients: Sequence[Tensor], *, rate: float, decay: float) -> list[Tensor]:
    """The gradients that SGD takes: (1 - rate) g + decay sign(w) if w is critical, else decay sign(w) (Xia et al. 2021).

    Critical are the int((1 - rate) D) of all D weights with the largest `|g w|`, and those that equal the last of them.

    weights, gradients: of any shapes, in pairs. No read waits for the device.
    """
    matters = torch.cat([(weight * gradient).abs().flatten() for weight, gradient in zip(weights, gradients, strict=True)])
    count = int((1 - rate) * len(matters) + 1e-6)
    least = matters.topk(count, sorted=False).values.amin() if count else matters.new_full((), torch.inf)
    results = []
    for weight, gradient in zip(weights, gradients, strict=True):
        critical = (weight * gradient).abs() >= least
        results.append(torch.where(critical, (1 - rate) * gradient, 0) + decay * weight.sign())
    return results


@METHODS.register("cdr")
class CDR(Method):
    """CE whose gradient moves only the 1 - tau of weights with the largest `|gradient x weight|` (Xia et al., ICLR 2021).

    That gradient is scaled by 1 - tau too, and all weights decay by their sign. Biases and norms are trained as usual.

    Args:
        forget_rate: tau; None: the realised noise rate of the run.
        decay: The weight of the L1 penalty.
    """

    supports_mixed_images = True
    provenance = Provenance(
        fidelity="paper",
        numbers={"forget_rate": "paper", "decay": "code (its weight decay, which is L2 there)"},
        deviations=(
            "momentum and L2 decay of the training move the other weights too, as in the code (momentum=0, weight_decay=0)",
            "the published runs stop early by noisy validation labels",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe(
            "public code, main.py; its decay is the option decay",
            optimizer="sgd",
            learning_rate=0.01,
            momentum=0.9,
            weight_decay=0.0,
        )
    }

    def __init__(self, run: RunInfo, *, forget_rate: UnitInterval | None = None, decay: NonNegative = 1e-3) -> None:
        super().__init__(run)
        self.forget_rate, self.decay = run.known_rate(forget_rate), decay

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """-log p_g, averaged over the batch."""
        return functional.cross_entropy(logits, given_targets(batch, logits))

    @torch.no_grad()
    def adjust_gradients(self) -> None:
        """Replace the gradients of the weights by `cdr_gradients`."""
        found = [(each, each.grad) for each in self.network.parameters() if each.dim() > 1 and each.grad is not None]
        weights, gradients = (list(part) for part in zip(*found, strict=True))
        adjusted = cdr_gradients(weights, gradients, rate=self.forget_rate, decay=self.decay)
        for gradient, replacement in zip(gradients, adjusted, strict=True):
            gradient.copy_(replacement)
