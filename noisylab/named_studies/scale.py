"""`Scale` and the settings that it stands for."""

from dataclasses import replace
from typing import Any, Literal

from noisylab.study.grid import Grid

Scale = Literal["demo", "cpu", "gpu"]
"""demo: digits, in minutes. cpu: 5,000 images of CIFAR-10, in at most an hour on two cores. gpu: all of CIFAR-10, ResNet-18."""

# Runs in a stack, which pays for the small network on digits: `python benchmarks/stacked.py`.
STACK: dict[Scale, int] = {"demo": 5, "cpu": 1, "gpu": 1}
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
