"""The control for DLB: its batches without its distillation."""

from noisylab.core.registries import METHODS
from noisylab.methods.ce import CE


@METHODS.register("repeat")
class Repeat(CE):
    """Cross-entropy on DLB's batches, every sample twice an epoch: the control of DLB, alpha = 0 (Shen et al., CVPR 2022)."""

    composition = "last"
