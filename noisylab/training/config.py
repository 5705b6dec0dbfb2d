"""`TrainConfig`: every choice of the loop that can change a number, checked when it is made. Free of torch."""

import math
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from noisylab.core.checks import Bound, NonNegative, Positive, PositiveInt, UnitInterval, check_fields
from noisylab.core.system import Device


@dataclass(frozen=True)
class TrainConfig:
    """How every network is trained: by SGD with Nesterov momentum."""

    epochs: PositiveInt = 40
    """Passes over the training set (epochs)."""
    batch_size: PositiveInt = 64
    """Entries of a batch (images), the repeated ones included; even."""
    learning_rate: Positive = 0.05
    """Peak learning rate (per step)."""
    momentum: Annotated[float, Bound(ge=0, lt=1)] = 0.9
    """Nesterov momentum, in [0, 1)."""
    weight_decay: NonNegative = 5e-4
    """L2 penalty on all parameters (per step)."""
    schedule: Literal["step", "cosine"] = "step"
    """How the learning rate falls: by steps at the milestones, or as a half cosine to 0."""
    milestones: tuple[UnitInterval, ...] = (0.625, 0.75, 0.875)
    """Where the step schedule drops the rate (shares of all epochs; DLB's public recipe: 150, 180, 210 of 240)."""
    decay: Annotated[float, Bound(gt=0, le=1)] = 0.1
    """What the step schedule multiplies the rate with at a milestone, in (0, 1]."""
    warmup: NonNegative = 0.0
    """Linear rise of the rate at the start (epochs)."""
    device: Device = "auto"
    """Where to train: auto is cuda, else mps, else cpu."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Forward and backward passes in full precision, or automatically mixed with a shorter one; weights stay in fp32."""
    gradient_clip: Positive | None = None
    """Largest norm of all gradients together (None: no limit)."""
    ema: Annotated[float, Bound(ge=0, lt=1)] = 0.0
    """Decay per step of the moving average of the weights that is evaluated instead of them (0: the weights themselves)."""
    compile: bool = False
    """Compile the networks (torch.compile): faster on accelerators after a minute of waiting; needs a C++ compiler on CPU."""
    threads: PositiveInt = 1
    """CPU threads of one run; sums depend on their number, so it is part of a run's identity."""
    processes: tyro.conf.Suppress[PositiveInt] = 1
    """Processes that train one network together, as `torchrun` starts them; each has its share of every batch."""
    sync_batch_norm: tyro.conf.Suppress[bool] = False
    """Batch norm with the statistics of all processes' shares of a batch, in place of each with its own."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.batch_size % 2:
            raise ValueError(f"batch_size must be even, since half of a batch may repeat another one, got {self.batch_size}")
        if self.batch_size % (2 * self.processes):
            raise ValueError(
                f"batch_size counts the entries of all {self.processes} processes and must be a multiple of "
                f"{2 * self.processes}, got {self.batch_size}"
            )
        if self.sync_batch_norm and self.processes == 1:
            raise ValueError("sync_batch_norm needs several processes: torchrun --nproc-per-node N studies/train.py ...")
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup must be shorter than the {self.epochs} epochs, got {self.warmup}")

    def learning_rate_at(self, progress: float) -> float:
        """The learning rate after `progress` epochs (whole and parts), in (0, epochs)."""
        if progress < self.warmup:
            return self.learning_rate * progress / self.warmup
        if self.schedule == "cosine":
            share = (progress - self.warmup) / (self.epochs - self.warmup)
            return self.learning_rate * (1 + math.cos(math.pi * share)) / 2
        passed = sum(progress / self.epochs >= milestone for milestone in self.milestones)
        return self.learning_rate * self.decay**passed


def check_compiler(config: TrainConfig) -> None:
    """Raise ValueError where networks are to be compiled for a CPU (`config.device` is definite) without a C++ compiler."""
    # As torch's inductor chooses.
    compiler = os.environ.get("CXX", {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++"))
    if config.compile and config.device == "cpu" and shutil.which(compiler) is None:
        raise ValueError(
            f"compile needs a C++ compiler on a CPU, and {compiler!r} was not found; install one, or name it in CXX"
        )
