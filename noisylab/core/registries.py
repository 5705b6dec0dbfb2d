"""What can be named in a spec: one registry per kind. Each is filled by the files of its package."""

from typing import Any

from noisylab.core.specs import Registry

# Every data set can supply these to a noise kind; a kind takes those that its signature names.
_NOISE_INPUTS = {"labels", "num_classes", "seed", "features", "root", "positions", "fine_labels"}

# What is looked for under another name.
_NO_NOISE = dict.fromkeys(("none", "clean", "no"), "symmetric:0")

NOISES: Registry[Any] = Registry("NOISES", "noise", "noisylab.corruption.kinds", _NOISE_INPUTS, _NO_NOISE)
DATA_SETS: Registry[Any] = Registry("DATA_SETS", "data set", "noisylab.data.sets", {"root"})
AUGMENTATIONS: Registry[Any] = Registry("AUGMENTATIONS", "augmentation", "noisylab.data.augmentations", {"images", "generator"})
MODELS: Registry[Any] = Registry("MODELS", "model", "noisylab.models", {"num_classes", "in_channels"})
METHODS: Registry[Any] = Registry("METHODS", "method", "noisylab.methods", {"setting"})
NAMED_STUDIES: Registry[Any] = Registry(
    "NAMED_STUDIES", "study", "noisylab.named_studies", set(), {"cost_table": "noisylab costs", "train": "noisylab train"}
)
