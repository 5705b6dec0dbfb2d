"""One registry for each kind of thing that a spec can name. The files of a package, and plug-ins, fill it."""

from typing import Any, Literal

from noisylab.core.checks import Momentum, NonNegative, Positive
from noisylab.core.specs import Registry

Optimizer = Literal["sgd", "adam", "adamw"]

# The settings of the training that a method can override, as in `elr@learning_rate=0.02,weight_decay=1e-3`.
OVERRIDES: dict[str, Any] = {
    "optimizer": Optimizer,
    "learning_rate": Positive,
    "momentum": Momentum,
    "weight_decay": NonNegative,
    "gradient_clip": Positive | None,
}

# Supplied to a noise kind by the data set, with the seed; a kind gets the ones that its signature names.
NOISE_INPUTS = (
    "labels",
    "num_classes",
    "class_names",
    "seed",
    "features",
    "root",
    "positions",
    "fine_labels",
    "sample_names",
)

NOISES: Registry[Any] = Registry(
    "NOISES",
    "noise",
    "noisylab.corruption.kinds",
    NOISE_INPUTS,
    suggestions=dict.fromkeys(("none", "clean", "no"), "symmetric:0"),
    makes="NoisyLabels",
)
DATA_SETS: Registry[Any] = Registry("DATA_SETS", "data set", "noisylab.data.sets", {"root"}, makes="ImageData")
AUGMENTATIONS: Registry[Any] = Registry("AUGMENTATIONS", "augmentation", "noisylab.data.augmentations")
MODELS: Registry[Any] = Registry("MODELS", "model", "noisylab.models", {"num_classes", "in_channels"})
METHODS: Registry[Any] = Registry("METHODS", "method", "noisylab.methods", {"run"}, makes="Method", overrides=OVERRIDES)
# The first parameter of a score is the recorded variable that it is computed from.
SCORES: Registry[Any] = Registry("SCORES", "score", "noisylab.analysis.scores", {"shown", "running"}, first_is_context=True)
FIGURES: Registry[Any] = Registry("FIGURES", "figure", "noisylab.plotting", {"runs", "width"}, needs=("caption",))
NAMED_STUDIES: Registry[Any] = Registry(
    "NAMED_STUDIES",
    "study",
    "noisylab.named_studies",
    suggestions={"cost_table": "noisylab costs", "train": "noisylab train"},
)
# `remote=True` marks an engine whose workers are on other machines.
ENGINES: Registry[Any] = Registry("ENGINES", "engine", "noisylab.study.engines", {"jobs"}, makes="Engine")

REGISTRIES = (NOISES, DATA_SETS, AUGMENTATIONS, MODELS, METHODS, SCORES, FIGURES, NAMED_STUDIES, ENGINES)
