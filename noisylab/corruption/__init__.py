"""Who is mislabelled as what: label-noise generators on plain integer arrays (NumPy only, no torch).

>>> from noisylab.corruption import symmetric
>>> noisy = symmetric([0, 1, 2, 3] * 25, 0.4)
>>> noisy.rate
0.4
"""

from noisylab.corruption.asymmetric import asymmetric
from noisylab.corruption.pair_flip import pair_flip
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.symmetric import symmetric
from noisylab.corruption.transition import from_transition

__all__ = ["NoisyLabels", "asymmetric", "from_transition", "pair_flip", "symmetric"]
