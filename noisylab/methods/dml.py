"""DML: two networks teach each other during training (Zhang et al., CVPR 2018)."""

from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Positive
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo
from noisylab.methods.losses import distillation, given_targets
from noisylab.methods.provenance import Provenance


def dml_loss(logits: Tensor, peer: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """CE_1 + T^2 KL(p_2 || p_1) + CE_2 + T^2 KL(p_1 || p_2), averaged over the batch.

    logits, peer: float[B, K] of the two networks; labels: int64[B]. A network gets no gradient as the teacher of the other.
    """
    first = functional.cross_entropy(logits, labels) + distillation(logits, peer, temperature=temperature)
    second = functional.cross_entropy(peer, labels) + distillation(peer, logits, temperature=temperature)
    return first + second


@METHODS.register("dml")
class DML(Method):
    """Two networks, each with CE + T^2 KL(the other's prediction || its own) (Zhang et al., CVPR 2018).

    Both are updated in the same step, from the other's prediction before the update. The first one is measured and recorded.
    """

    supports_mixed_images = True
    # Two networks.
    passes_per_image = 2
    provenance = Provenance(
        "paper",
        numbers={"temperature": "paper"},
        deviations=("both networks are updated in the same step, from predictions before the update",),
    )

    def __init__(self, run: RunInfo, *, temperature: Positive = 1.0) -> None:
        super().__init__(run)
        self.peer = run.make_network()
        self.temperature = temperature

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`dml_loss` of the batch."""
        peer = self.peer(batch.images)
        return dml_loss(logits, peer, given_targets(batch, logits), temperature=self.temperature)
