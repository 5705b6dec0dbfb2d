"""Label noise on plain integer arrays: which samples are mislabelled, and as what. Needs only NumPy and SciPy.

>>> from noisylab.corruption import symmetric
>>> noisy = symmetric([0, 1, 2, 3] * 25, 0.4)
>>> noisy.rate
0.4
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
