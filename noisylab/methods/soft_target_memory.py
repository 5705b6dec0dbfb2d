"""One memory of soft targets whose age is an option, of which DLB, PS-KD, LWR and temporal ensembling are settings."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import Bound, NonNegative, Positive, PositiveInt, checked
from noisylab.core.distributed import averaged, gathered
from noisylab.core.registries import METHODS
from noisylab.core.shares import Whole
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.samplers import Composition, Delayed
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.target_memory import gaussian_rise, linear_rise, remember, soft_targets, target_divergence


def soft_target_loss(
    logits: Tensor,
    labels: Tensor,
    targets: Tensor,
    present: Tensor,
    *,
    temperature: float,
    weight: Tensor | float,
    convex: bool = False,
    present_share: Tensor | None = None,
    targets_weight: float = 1.0,
) -> Tensor:
    """CE over the whole batch + weight T^2 KL(target || softmax(z / T)) over its first len(targets) entries.

    logits: float[B, K]; labels: int64[B]; targets: float[R, K], softened probabilities, which no gradient reaches, R possibly
    0; present: bool[R], which of them there are: the others add nothing to their mean. convex: CE counts 1 - weight, as far as
    there are targets. Where several processes have unequal shares of a batch, present_share is the mean of `present` over the
    whole, and targets_weight a factor of the second term (`Batch.repeated_weight`).
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    loss = functional.cross_entropy(logits.to(precision), labels)
    if len(targets) == 0 and present_share is None:
        return loss
    there = present.to(precision).mean() if present_share is None else present_share
    weight_of_labels = 1 - weight * there if convex else 1.0
    if len(targets) == 0:
        return weight_of_labels * loss
    divergence = target_divergence(logits[: len(targets)], targets, temperature=temperature)
    return weight_of_labels * loss + targets_weight * weight * torch.where(present, divergence, 0.0).mean()


@METHODS.register("soft_target_memory", main="age")
class SoftTargetMemory(Method):
    """CE + w T^2 KL(own prediction of a given age || p^T), from one iteration to epochs (after Shen et al., CVPR 2022).

    age, unit: how old the target is when it is used. It is what the network said of the sample in training mode, softened by
    the temperature, so many iterations or epochs before. In epochs, batches are plain and every entry has its target, from
    epoch number `age` on (counted from 0). In iterations, every batch is [the new half of `age` batches ago, a new half] and
    its first half has targets; that goes up to one epoch.
    repeat: DLB's batches for ages in epochs too, with targets in the repeated half alone: then a sweep over ages changes
    nothing but the age. The target is then `age` epochs older than the prediction of one iteration ago.
    held: in every age-th epoch the predictions become the targets of the next `age` ones, which are thus 1 to `age` epochs
    old, in place of always being `age` epochs old.
    momentum: the target is the moving average of the predictions up to that age, corrected for its start; with `held`, of the
    predictions that became targets.
    weight, schedule: w is constant, or rises to `weight` as t/E in the last epoch, or as exp(-5 (1 - x)^2) over the first
    80/300 of the epochs. convex: CE counts 1 - w where there are targets; without it, w is added to a CE of 1.

    The memory holds `age` rows of N x K (two for iterations, one for held, one more for repeat). Settings of it are
    `dlb(temperature, alpha)`: unit="iterations", weight=alpha;
    `ps_kd(alpha)`: weight=alpha, schedule="linear", convex=True, temperature=1 (the loss but for the target's entropy);
    `lwr(k)`: age=k, held=True, weight=.9, schedule="linear", convex=True, temperature=5;
    `temporal_ensembling(distance="kl")`: momentum=.7, weight=3, schedule="gaussian", temperature=1.
    The defaults of weight and temperature are DLB's.
    """

    memory: Tensor
    written: Tensor
    repeated: Tensor
    weight: Tensor

    @checked
    def __init__(
        self,
        run: RunInfo,
        *,
        age: PositiveInt = 1,
        unit: Literal["iterations", "epochs"] = "epochs",
        momentum: Annotated[float, Bound(ge=0, lt=1)] = 0.0,
        weight: NonNegative = 1.0,
        schedule: Literal["constant", "linear", "gaussian"] = "constant",
        convex: bool = False,
        temperature: Positive = 3.0,
        held: bool = False,
        repeat: bool = False,
    ) -> None:
        if convex and weight > 1:
            raise ValueError(f"weight must be a number in [0, 1] where it is convex, got {weight!r}")
        if held and (repeat or unit == "iterations"):
            raise ValueError("held must be False where samples are repeated: their targets would be one iteration old")
        super().__init__(run)
        self.composition = self.composition_for(age=age, unit=unit, repeat=repeat)
        self.age, self.unit, self.held, self.momentum = age, unit, held, momentum
        self.final_weight, self.schedule, self.convex, self.temperature = weight, schedule, convex, temperature
        self.num_samples, self.epochs = run.num_samples, run.epochs
        rows = 2 if unit == "iterations" else 1 if held else age + repeat
        # Row (n - 1) mod rows of a sample is its target as of its n-th presentation; `written` counts these, and `repeated`
        # those that have been repeated.
        self.register_buffer("memory", torch.zeros(rows, run.num_samples, run.num_classes))
        self.register_buffer("written", torch.zeros(run.num_samples, dtype=torch.int64))
        self.register_buffer("repeated", torch.zeros(run.num_samples, dtype=torch.int64))
        self.register_buffer("weight", torch.zeros(()))

    @classmethod
    def composition_for(cls, **options: Any) -> Composition:
        """Plain, unless samples are repeated."""
        if options.get("unit") == "iterations":
            return "last" if options.get("age", 1) == 1 else Delayed(options["age"])
        return "last" if options.get("repeat") else "plain"

    def start_epoch(self, epoch: int) -> None:
        """Sets the weight."""
        rises = {"constant": 1.0, "linear": linear_rise(epoch, self.epochs), "gaussian": gaussian_rise(epoch, self.epochs)}
        self.weight.fill_(self.final_weight * rises[self.schedule])

    def loss(self, batch: Batch) -> Step:
        """`soft_target_loss` with the targets of the age asked for; the new predictions are remembered after that.

        Raises ValueError for an age in iterations of more than one epoch.
        """
        everyone = gathered(batch.index, batch.whole)
        new = batch.new if batch.whole is None else batch.whole.where_new
        size = new.stop - new.start
        if self.unit == "iterations" and (self.age - 1) * size >= self.num_samples:
            steps = -(-self.num_samples // size)
            raise ValueError(f"age must be at most the {steps} iterations of an epoch, got {self.age}; write it in epochs")
        logits = self.network(batch.images)
        taught = batch.index if self.composition == "plain" else batch.index[: batch.new.start]
        targets, present = self._targets(taught)
        if self.unit == "iterations":
            repeated = everyone[: new.start]
            self.repeated.index_copy_(0, repeated, self.repeated.index_select(0, repeated) + 1)
        made = gathered(soft_targets(logits, temperature=self.temperature), batch.whole)
        self._remember(everyone[new], made[new])
        loss = soft_target_loss(
            logits,
            batch.labels,
            targets,
            present,
            temperature=self.temperature,
            weight=self.weight,
            convex=self.convex,
            present_share=None if batch.whole is None else self._present_share(present, batch.whole),
            targets_weight=1.0 if self.composition == "plain" else batch.repeated_weight,
        )
        return Step(loss, logits)

    def _present_share(self, present: Tensor, whole: Whole) -> Tensor:
        """The mean of `present` over the targets of all processes."""
        count = whole.new if self.composition == "plain" else whole.before
        return averaged(present.sum().float()) * whole.processes / max(count, 1)

    def _targets(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The targets float[R, K] of these samples, and which of them there are yet."""
        written = self.written.index_select(0, index)
        if self.held:
            return self.memory[0].index_select(0, index), written >= self.age
        if self.unit == "iterations":
            # The n-th repetition is `age` iterations after the n-th presentation, between which there may be one more.
            number = self.repeated.index_select(0, index) + 1
        elif self.composition == "plain":
            number = written - self.age + 1
        else:
            # This epoch's presentation is written already.
            number = written - self.age
        return self.memory[(number - 1) % len(self.memory), index], number >= 1

    def _remember(self, index: Tensor, made: Tensor) -> None:
        """Write the next row of these samples: the moving average, which now takes in these predictions float[R, K]."""
        written = self.written.index_select(0, index)
        rows, samples, classes = self.memory.shape
        number = written // self.age + 1 if self.held else written + 1
        last = self.memory[(number - 2) % rows, index]
        rate = ((1 - self.momentum) / (1 - self.momentum**number))[:, None]
        row = (1 - rate) * last + rate * made
        if self.held:
            row = torch.where((written + 1)[:, None] % self.age == 0, row, last)
        remember(self.memory.view(rows * samples, classes), (number - 1) % rows * samples + index, row)
        self.written.index_copy_(0, index, written + 1)
