"""GJS: the generalised Jensen-Shannon divergence of the label and two views (Englesson and Azizpour, NeurIPS 2021)."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import widened
from noisylab.methods.provenance import Provenance, Recipe


def gjs_loss(views: Sequence[Tensor], labels: Tensor, *, pi: float) -> Tensor:
    """[pi KL(y || m) + (1 - pi)/V sum_v KL(p_v || m)] / (-(1 - pi) log(1 - pi)), averaged over samples.

    m = pi y + (1 - pi)/V sum_v p_v. Computed from log p in at least float32, so that it is finite however sure a view is.

    Args:
        views: float[B, K], the logits of V views of the same samples; one view gives the Jensen-Shannon loss.
        labels: int64[B].
        pi: Weight of the label, in (0, 1). The limits of the Jensen-Shannon loss are cross-entropy for 0 and half of the mean
            absolute error for 1.

    Returns:
        The scalar loss.

    Example:
        >>> z, y = torch.tensor([[0.0, 2.0]]), torch.tensor([1])
        >>> round(gjs_loss([z, z], y, pi=0.5).item(), 4)
        0.0959

    Source:
        Englesson and Azizpour, NeurIPS 2021.
    """
    share = (1 - pi) / len(views)
    log_p = torch.stack([functional.log_softmax(widened(view), dim=1) for view in views])
    # log m, first without the label, whose share falls on one class.
    log_m = math.log(share) + torch.logsumexp(log_p, dim=0)
    given = labels[:, None]
    at_label = log_m.gather(1, given)
    at_label = torch.logaddexp(at_label, torch.full_like(at_label, math.log(pi)))
    log_m = log_m.scatter(1, given, at_label)
    divergence = pi * (-at_label).sum() + share * (log_p.exp() * (log_p - log_m)).sum()
    return divergence / len(labels) / (-(1 - pi) * math.log1p(-pi))


@METHODS.register("gjs", main="pi")
class GJS(Method):
    """Generalised Jensen-Shannon divergence of the label and two views of a sample (Englesson and Azizpour, NeurIPS 2021).

    It asks both views for the label, and for the same prediction. The paper chooses pi by noise: on CIFAR-10 .5, .3, .9, .1, .1
    at symmetric 0, .2, .4, .6, .8 and .3 at asymmetric noise; on CIFAR-100 .3, .3, .5, .9, .1, and .5 or .1 at asymmetric
    noise.

    Args:
        pi: Weight of the label.
    """

    composition = "twin"
    provenance = Provenance(
        fidelity="paper",
        numbers={"pi": "paper, for CIFAR-10 at symmetric .2 and asymmetric noise; it is tuned for each noise there"},
        deviations=(
            "one pi for every noise (pi)",
            "both views in one forward pass, as by the code's option onebatch; its default is two",
            "the augmentation of the study, while the published runs have RandAugment and Cutout",
        ),
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe(
            "public code, scripts/C10/sym (decay .001 in C10/asym)", "sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4
        ),
        "cifar100": Recipe("public code, scripts/C100/sym", "sgd", learning_rate=0.2, momentum=0.9, weight_decay=5e-5),
    }

    def __init__(self, run: RunInfo, *, pi: Annotated[float, Bound(gt=0, lt=1)] = 0.3) -> None:
        super().__init__(run)
        self.pi = pi

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`gjs_loss` of [new, the same again]."""
        first, second = logits.chunk(2)
        return gjs_loss([first, second], batch.labels[: len(first)], pi=self.pi)
