"""Training methods: what a batch is made of, and its loss. They are registered in `noisylab.core.registries.METHODS`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
