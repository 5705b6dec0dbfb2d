"""Who is mislabelled as what: label-noise generators on plain integer arrays (NumPy only, no torch).

>>> from noisylab.corruption import symmetric
>>> noisy = symmetric([0, 1, 2, 3] * 25, 0.4)
>>> noisy.rate
0.4
"""

from noisylab.corruption.description import describe
from noisylab.corruption.diagnostics import Diagnostics, diagnose
from noisylab.corruption.estimators import anchor_points, confident_joint, confident_transition, empirical_transition
from noisylab.corruption.kinds.asymmetric import asymmetric
from noisylab.corruption.kinds.block import block
from noisylab.corruption.kinds.compose import chain, from_pair, long_tail, long_tailed, on_classes, only_classes, then
from noisylab.corruption.kinds.human import human
from noisylab.corruption.kinds.instance import instance
from noisylab.corruption.kinds.label_file import from_file, read_labels
from noisylab.corruption.kinds.margin import margin
from noisylab.corruption.kinds.open_set import open_set, replace_images
from noisylab.corruption.kinds.pair_flip import pair_flip
from noisylab.corruption.kinds.presets import preset
from noisylab.corruption.kinds.subclass import subclass
from noisylab.corruption.kinds.symmetric import symmetric
from noisylab.corruption.kinds.transition import empirical, from_transition
from noisylab.corruption.realism import realism_controls
from noisylab.corruption.record import NoisyLabels

__all__ = [
    "Diagnostics",
    "NoisyLabels",
    "anchor_points",
    "asymmetric",
    "block",
    "chain",
    "confident_joint",
    "confident_transition",
    "describe",
    "diagnose",
    "empirical",
    "empirical_transition",
    "from_file",
    "from_pair",
    "from_transition",
    "human",
    "instance",
    "long_tail",
    "long_tailed",
    "margin",
    "on_classes",
    "only_classes",
    "open_set",
    "pair_flip",
    "preset",
    "read_labels",
    "realism_controls",
    "replace_images",
    "subclass",
    "symmetric",
    "then",
]
