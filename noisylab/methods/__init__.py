"""Training methods: what a batch is made of, and its loss. `noisylab.registries.METHODS` knows them by name."""

from noisylab.methods.base import Frozen, Method, Preparation, Setting, Step
from noisylab.methods.dlb import DLBLoss, dlb_loss
from noisylab.methods.losses import distillation

__all__ = ["DLBLoss", "Frozen", "Method", "Preparation", "Setting", "Step", "distillation", "dlb_loss"]
