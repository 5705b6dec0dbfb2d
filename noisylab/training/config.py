"""`TrainConfig`: every setting of the loop that can change a number, checked when it is made. Imports no torch."""

import math
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from noisylab.core.checks import Bound, Momentum, NonNegative, Positive, PositiveInt, UnitInterval, check_fields
from noisylab.core.registries import Optimizer
from noisylab.core.system import Device


@dataclass(frozen=True)
class TrainConfig:
    """How to train every network.

    Raises ValueError for a value out of range.

    Example:
        >>> from noisylab.training import TrainConfig
        >>> TrainConfig(epochs=10, batch_size=128, learning_rate=0.1).learning_rate_at(5)
        0.1
    """

    epochs: PositiveInt = 40
    """Passes over the training set (epochs), as CE makes them. In a study, --budget gives other methods more or fewer."""
    batch_size: PositiveInt = 64
    """Entries of a batch (images), the repeated ones included; even. In a study, --budget updates gives DLB twice as many."""
    optimizer: Optimizer = "sgd"
    """SGD with Nesterov momentum, Adam, or AdamW."""
    learning_rate: Positive = 0.05
    """Peak learning rate (per step)."""
    momentum: Momentum = 0.9
    """Nesterov momentum, or Adam's beta 1, in [0, 1)."""
    weight_decay: NonNegative = 5e-4
    """L2 penalty on all parameters (per step); AdamW decays the weights themselves."""
    schedule: Literal["step", "cosine"] = "step"
    """How the learning rate falls: in steps at the milestones, or as a half cosine to 0."""
    milestones: tuple[UnitInterval, ...] = (0.625, 0.75, 0.875)
    """Where the step schedule drops the rate (shares of all epochs; DLB's public recipe: 150, 180, 210 of 240)."""
    decay: Annotated[float, Bound(gt=0, le=1)] = 0.1
    """Factor of the rate at each milestone of the step schedule, in (0, 1]."""
    warmup: NonNegative = 0.0
    """Length of the linear rise of the rate at the start (epochs)."""
    device: Device = "auto"
    """Where to train: auto is cuda, else mps, else cpu."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Precision of forward and backward passes: full, or mixed with 16-bit floats; weights stay in fp32."""
    gradient_clip: Positive | None = None
    """Largest total norm of the gradients (None: no limit)."""
    ema: Annotated[float, Bound(ge=0, lt=1)] = 0.0
    """Evaluate a moving average of the weights with this decay per step (0: the weights themselves)."""
    compile: bool = False
    """Compile the networks (torch.compile): faster on accelerators after about a minute; needs a C++ compiler on CPU."""
    threads: PositiveInt = 1
    """CPU threads of one run. Sums depend on it, so it is part of a run's identity."""
    stack: PositiveInt = 1
    """Train up to so many runs that differ in seed and noise only as one network, which is faster for small ones."""
    processes: tyro.conf.Suppress[PositiveInt] = 1
    """Processes that train one network together, as `torchrun` starts them; each has its share of every batch."""
    sync_batch_norm: tyro.conf.Suppress[bool] = False
    """Batch norm with the statistics of all processes, instead of each with its own."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.batch_size % 2:
            raise ValueError(f"batch_size must be even, because half of a batch may repeat another one, got {self.batch_size}")
        if self.batch_size % (2 * self.processes):
            raise ValueError(
                f"batch_size counts the entries of all {self.processes} processes and must be a multiple of "
                f"{2 * self.processes}, got {self.batch_size}"
            )
        if self.sync_batch_norm and self.processes == 1:
            raise ValueError("sync_batch_norm needs several processes: torchrun --nproc-per-node N -m noisylab train ...")
        if self.stack > 1:
            self._check_stack()
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup must be shorter than the {self.epochs} epochs, got {self.warmup}")

    def _check_stack(self) -> None:
        for wrong, reason in (
            (self.compile, "compile, which is for networks that run by themselves"),
            (
                self.precision == "fp16",
                "precision fp16, whose scaling skips a step of all networks if one overflows; take bf16",
            ),
            (self.processes > 1, f"{self.processes} processes that train one network together"),
        ):
            if wrong:
                raise ValueError(f"stack {self.stack} does not go with {reason}")

    def learning_rate_at(self, progress: float) -> float:
        """The learning rate after `progress` epochs, a number in (0, epochs)."""
        if progress < self.warmup:
            return self.learning_rate * progress / self.warmup
        if self.schedule == "cosine":
            share = (progress - self.warmup) / (self.epochs - self.warmup)
            return self.learning_rate * (1 + math.cos(math.pi * share)) / 2
        passed = sum(progress / self.epochs >= milestone for milestone in self.milestones)
        return self.learning_rate * self.decay**passed


def check_compiler(config: TrainConfig) -> None:
    """Raise ValueError if networks are to be compiled for a CPU and there is no C++ compiler. `config.device` is resolved."""
    # The choice of torch's inductor.
    compiler = os.environ.get("CXX", {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++"))
    if config.compile and config.device == "cpu" and shutil.which(compiler) is None:
        raise ValueError(
            f"compile needs a C++ compiler on a CPU, and {compiler!r} was not found; install one, or name it in CXX"
        )
