"""Plain training on the given labels."""

from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method
from noisylab.methods.losses import given_targets
from noisylab.methods.provenance import Provenance


@METHODS.register("ce")
class CE(Method):
    """Cross-entropy with the given labels, the baseline (He et al., CVPR 2016)."""

    supports_mixed_images = True
    is_base_loss = True
    provenance = Provenance("paper")

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """-log p_g, averaged over the batch."""
        return functional.cross_entropy(logits, given_targets(batch, logits))
