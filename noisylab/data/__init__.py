"""Data sets as uint8 arrays, augmentation, and batch composition."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
