"""Training methods: what a batch is made of, and its loss. `noisylab.registries.METHODS` knows them by name."""

from noisylab.methods.base import Method, Setting, Step
from noisylab.methods.dlb import DLBLoss, distillation, dlb_loss

__all__ = ["DLBLoss", "Method", "Setting", "Step", "distillation", "dlb_loss"]
