"""Networks from images float32[B, C, H, W] to logits float32[B, K]; `noisylab.core.registries.MODELS` knows them by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
