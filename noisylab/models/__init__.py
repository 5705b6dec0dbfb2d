"""Networks from images float32[B, C, H, W] to logits float32[B, K]; `noisylab.core.registries.MODELS` knows them by name."""

from noisylab.models.base import Backbone

__all__ = ["Backbone"]
