"""noisylab measures how well DLB and 40 other methods train on data with wrong labels.

>>> import noisylab as nl
>>> nl.symmetric([0, 1, 2, 3] * 25, 0.4).rate
0.4
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
