"""A memory of soft targets of any age. DLB, PS-KD and LWR are settings of it."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound, NonNegative, Positive, PositiveInt
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.composition import Composition, Delayed
from noisylab.methods.base import Method, RunInfo, every_epochs
from noisylab.methods.memory import Memory
from noisylab.methods.provenance import Provenance
from noisylab.methods.soft_targets import gaussian_rise, linear_rise, soft_targets, stair_rise, target_divergence, write_rows


def soft_target_loss(
    logits: Tensor,
    labels: Tensor,
    targets: Tensor,
    present: Tensor,
    *,
    temperature: float,
    weight: Tensor | float,
    convex: bool = False,
) -> Tensor:
    """CE over the whole batch + weight T^2 KL(target || softmax(z / T)) over its first len(targets) entries.

    logits: float[B, K]; labels: int64[B]; targets: float[R, K], softened probabilities, without gradient; R may be 0; present:
    bool[R], which targets exist; the others add nothing to the mean. convex: CE has weight 1 - weight, as far as there are
    targets.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    loss = functional.cross_entropy(logits.to(precision), labels)
    if len(targets) == 0:
        return loss
    divergence = target_divergence(logits[: len(targets)], targets, temperature=temperature)
    weight_of_labels = 1 - weight * present.to(precision).mean() if convex else 1.0
    return weight_of_labels * loss + weight * torch.where(present, divergence, 0.0).mean()


class TargetHistory(Memory):
    """The latest targets of every sample, numbered from 1. A target is the moving average of the sample's predictions so far.

    rows: number of targets kept per sample. every: after this many predictions, the last one becomes a target. momentum: of the
    average, which is corrected for its start. `predictions` int64[N] counts the predictions of each sample.
    """

    targets: Tensor
    predictions: Tensor

    def __init__(self, rows: int, num_samples: int, num_classes: int, *, every: int = 1, momentum: float = 0.0) -> None:
        super().__init__()
        self.every, self.momentum = every, momentum
        # Target n of a sample is in row (n - 1) mod rows.
        targets = torch.zeros(rows, num_samples, num_classes)
        self.remember(targets=targets, predictions=torch.zeros(num_samples, dtype=torch.int64))

    def read(self, index: Tensor, number: Tensor) -> Tensor:
        """Target `number` int64[B] of each sample of `index` int64[B], float[B, K]; arbitrary for targets that are not kept."""
        return self.targets[(number - 1) % len(self.targets), index]

    def write(self, index: Tensor, made: Tensor) -> None:
        """Add the next predictions float[B, K]; if a sample is in `index` twice, its last entry counts."""
        written = self.predictions.index_select(0, index)
        number = written // self.every + 1
        last = self.read(index, number - 1)
        rate = ((1 - self.momentum) / (1 - self.momentum**number))[:, None]
        row = (1 - rate) * last + rate * made
        if self.every > 1:
            row = torch.where((written + 1)[:, None] % self.every == 0, row, self.read(index, number))
        rows, samples, classes = self.targets.shape
        write_rows(self.targets.view(rows * samples, classes), (number - 1) % rows * samples + index, row)
        self.predictions.index_copy_(0, index, written + 1)


@METHODS.register("soft_target_memory", main="age")
class SoftTargetMemory(Method):
    """CE + w T^2 KL(own prediction of a given age || p^T), from one iteration to epochs (after Shen et al., CVPR 2022).

    The target is the network's own prediction in training mode, softened by the temperature. In epochs, batches are plain, and
    every entry has a target from epoch `age` on (counted from 0). In iterations, every batch is [the new half of `age` batches
    ago, a new half], and its first half has targets; ages go up to one epoch. The memory holds `age` rows of N x K (two for
    iterations, one for held, one more for repeat).

    Args:
        age: Age of the target when it is used.
        unit: "iterations" or "epochs".
        momentum: The target is the moving average of the predictions up to that age, corrected for its start; with `held`, of
            the predictions that became targets.
        weight: w, or its final value.
        schedule: w is constant, rises as t/E ("linear") or in steps of `age` epochs ("stair"), or rises as exp(-5 (1 - x)^2)
            over the first 80/300 of the epochs ("gaussian").
        convex: CE has weight 1 - w if there are targets; else w is added to a CE of weight 1.
        temperature: The temperature T.
        held: The predictions of every age-th epoch are the targets of the next `age` epochs, so targets are 1 to `age` epochs
            old, instead of always `age`.
        repeat: DLB's batches also for ages in epochs, with targets only in the repeated half, so that a sweep over ages changes
            only the age. The target is then `age` epochs older than the prediction of one iteration ago.

    Special cases:
    `dlb(temperature, alpha)`: unit="iterations", weight=alpha;
    `ps_kd(alpha)`: weight=alpha, schedule="linear", convex=True, temperature=1 (the same loss up to the target's entropy);
    `lwr(k)`: age=k, held=True, weight=.75, schedule="stair", convex=True, temperature=5.
    momentum=.6, schedule="gaussian", temperature=1 is `temporal_ensembling` with a divergence in place of squares.
    The defaults of weight and temperature are DLB's.
    """

    provenance = Provenance(
        "ours",
        numbers=dict.fromkeys(
            ("age", "unit", "momentum", "weight", "schedule", "convex", "temperature", "held", "repeat"), "ours"
        ),
    )

    repeated: Tensor
    weight: Tensor

    def __init__(
        self,
        run: RunInfo,
        *,
        age: PositiveInt = 1,
        unit: Literal["iterations", "epochs"] = "epochs",
        momentum: Annotated[float, Bound(ge=0, lt=1)] = 0.0,
        weight: NonNegative = 1.0,
        schedule: Literal["constant", "linear", "stair", "gaussian"] = "constant",
        convex: bool = False,
        temperature: Positive = 3.0,
        held: bool = False,
        repeat: bool = False,
    ) -> None:
        if convex and weight > 1:
            raise ValueError(f"weight must be a number in [0, 1] if convex=True, got {weight!r}")
        if held and (repeat or unit == "iterations"):
            raise ValueError("held must be False if samples are repeated, since their targets would be one iteration old")
        super().__init__(run)
        self.composition = self.composition_for(age=age, unit=unit, repeat=repeat)
        self.age, self.unit, self.held = age, unit, held
        self.final_weight, self.schedule, self.convex, self.temperature = weight, schedule, convex, temperature
        self.num_samples, self.epochs = run.num_samples, run.epochs
        rows = 2 if unit == "iterations" else 1 if held else age + repeat
        every = age if held else 1
        self.target_update = "batch" if unit == "iterations" else every_epochs(every)
        self.history = TargetHistory(rows, run.num_samples, run.num_classes, every=every, momentum=momentum)
        # Number of repetitions of each sample.
        self.remember(repeated=torch.zeros(run.num_samples, dtype=torch.int64), weight=torch.zeros(()))

    @classmethod
    def composition_for(cls, **options: Any) -> Composition:
        """Plain, unless samples are repeated."""
        if options.get("unit") == "iterations":
            return "last" if options.get("age", 1) == 1 else Delayed(options["age"])
        return "last" if options.get("repeat") else "plain"

    def start_epoch(self, epoch: int) -> None:
        """Set the weight."""
        rises = {
            "constant": 1.0,
            "linear": linear_rise(epoch, self.epochs),
            "stair": stair_rise(epoch, self.epochs, step=self.age),
            "gaussian": gaussian_rise(epoch, self.epochs),
        }
        self.weight.fill_(self.final_weight * rises[self.schedule])

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`soft_target_loss` with the targets of the requested age."""
        taught = batch.index if self.composition == "plain" else batch.index[: batch.new.start]
        number = self._number(taught)
        return soft_target_loss(
            logits,
            batch.labels,
            self.history.read(taught, number),
            number >= 1,
            temperature=self.temperature,
            weight=self.weight,
            convex=self.convex,
        )

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Remember the new predictions. Raises ValueError for an age in iterations of more than one epoch."""
        if self.unit == "iterations":
            size = batch.new.stop - batch.new.start
            if (self.age - 1) * size >= self.num_samples:
                steps = -(-self.num_samples // size)
                raise ValueError(f"age must be at most the {steps} iterations of an epoch, got {self.age}; write it in epochs")
            repeated = batch.index[: batch.new.start]
            self.repeated.index_copy_(0, repeated, self.repeated.index_select(0, repeated) + 1)
        self.history.write(batch.index[batch.new], soft_targets(logits[batch.new], temperature=self.temperature))

    def _number(self, index: Tensor) -> Tensor:
        """The number of the target with the requested age for each sample, int64[R]; below 1 if there is none yet."""
        if self.unit == "iterations":
            # The n-th repetition comes `age` iterations after the n-th presentation, with at most one more between.
            return self.repeated.index_select(0, index) + 1
        written = self.history.predictions.index_select(0, index)
        if self.held:
            return written // self.age
        # With repeated samples, this epoch's presentation is already written.
        return written - self.age + (self.composition == "plain")
