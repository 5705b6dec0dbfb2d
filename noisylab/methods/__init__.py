"""Training methods: what a batch is made of, and its loss. `noisylab.core.registries.METHODS` knows them by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
