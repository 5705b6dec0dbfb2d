"""`Scale` and the settings that it stands for."""

from dataclasses import replace
from typing import Any, Literal

from noisylab.study.grid import Grid

Scale = Literal["demo", "cpu", "gpu"]
"""demo: digits, in minutes. cpu: 3,000 or 5,000 images of CIFAR-10, an hour on two cores. gpu: all of CIFAR-10, ResNet-18."""

# Runs in a stack. `python benchmarks/stacked.py`, for the small network on digits: 1.7 to 2.3 times as fast, and little more in
# stacks of 10, too few for 4 cores to end together. Five seeds fill a stack.
STACK: dict[Scale, int] = {"demo": 5, "cpu": 1, "gpu": 1}
SEEDS: dict[Scale, tuple[int, ...]] = {"demo": (0, 1, 2, 3, 4), "cpu": (0, 1, 2), "gpu": (0, 1, 2)}
# What lets a network memorise in minutes: of 2,000 images with 40 % wrong labels, CE learnt 81 % of these by heart.
MEMORISING: dict[Scale, dict[str, Any]] = {
    "demo": {},
    "cpu": {"train_size": 3000, "model": "small_cnn(width=32)", "augment": "none", "epochs": 60},
    "gpu": {},
}
_DATA: dict[str, dict[str, Any]] = {
    "demo": {},
    "cpu": {"data": "cifar10", "train_size": 5000, "test_size": 2000, "evaluate_every": 5},
    # The recipe of DLB's public code; its batch size and learning rate are the defaults.
    "gpu": {"data": "cifar10", "model": "resnet18", "epochs": 240},
}


def at_scale(grid: Grid, scale: Scale, **settings: Any) -> Grid:
    """The grid with the data of a scale; settings: of the grid or of the training, which hold over it."""
    held = _DATA[scale] | settings
    training = {key: held.pop(key) for key in list(held) if not hasattr(grid, key)}
    return replace(grid, **held, training=replace(grid.training, **training))
