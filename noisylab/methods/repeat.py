"""The control for DLB: its batches without its distillation."""

from noisylab.methods.ce import CE
from noisylab.registries import METHODS


@METHODS.register("repeat")
class Repeat(CE):
    """Cross-entropy on DLB's batches (alpha = 0): every sample twice an epoch, in consecutive batches."""

    batching = "last"
