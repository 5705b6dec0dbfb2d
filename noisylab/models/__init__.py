"""Networks from images float32[B, C, H, W] to logits float32[B, K], registered in `noisylab.core.registries.MODELS`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
