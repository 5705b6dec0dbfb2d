"""One update of the weights: precision, scaling, clipping, and the moving average of the weights."""

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from noisylab.core.distributed import gathered, processes
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.training.callback import Stateful
from noisylab.training.config import TrainConfig
from noisylab.training.weight_average import WeightAverage

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class _Loss(nn.Module):
    """A method's loss as the forward pass of a module, so that DistributedDataParallel averages its gradients."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: Batch) -> Step:
        """Loss and logits of one batch."""
        return self.method.loss(batch)


class Update:
    """Call it with a batch to make one training step."""

    def __init__(
        self, method: Method, optimizers: Sequence[torch.optim.Optimizer], config: TrainConfig, device: torch.device
    ) -> None:
        # The first one follows the schedule.
        self.method, self.optimizers, self.config, self.device = method, optimizers, config, device
        self._parameters = [parameter for group in optimizers[0].param_groups for parameter in group["params"]]
        # Small gradients vanish in float16, so the loss is scaled up and gradients are scaled down again.
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self._averaged = WeightAverage(method.network, config.ema) if config.ema else None
        # Each process has its own running statistics.
        self._loss = method.loss
        if processes() > 1:
            with warnings.catch_warnings():
                # Deprecated since torch 2.12, but its replacement cannot do this yet.
                warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
                self._loss = DistributedDataParallel(_Loss(method), broadcast_buffers=False, init_sync=False)

    @property
    def stateful(self) -> dict[str, Stateful]:
        """The objects with a state, by name, besides the method."""
        found: dict[str, Stateful] = {f"optimizer {place}": each for place, each in enumerate(self.optimizers)}
        if self.config.precision == "fp16":
            found["scaler"] = self._scaler
        if self._averaged is not None:
            found["ema"] = self._averaged
        return found

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for group in self.optimizers[0].param_groups:
            group["lr"] = rate

    def __call__(self, batch: Batch) -> tuple[Batch, Step]:
        """Compute loss and gradients, and update weights, average and the method's memory.

        Returns the batch and the method's step. With several processes, index, labels, new part and logits cover all of them;
        images, mix and loss are those of this process.
        """
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        mixed = self.config.precision != "fp32"
        with torch.autocast(self.device.type, DTYPES[self.config.precision] if mixed else None, enabled=mixed):
            step: Step = self._loss(batch)
        self._scaler.scale(step.loss).backward()  # type: ignore[no-untyped-call]
        adjusts = type(self.method).adjust_gradients is not Method.adjust_gradients
        if adjusts or self.config.gradient_clip is not None:
            for optimizer in self.optimizers:
                self._scaler.unscale_(optimizer)
            self.method.adjust_gradients()
        if self.config.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.config.gradient_clip)
        for optimizer in self.optimizers:
            self._scaler.step(optimizer)
        self._scaler.update()
        self.method.after_step()
        if self._averaged is not None:
            self._averaged.update(self.method.network)
        batch, step = _of_all(batch, step)
        if step.logits is not None:
            self.method.observe(step.logits, batch)
        return batch, step

    @contextmanager
    def evaluated(self) -> Iterator[None]:
        """Inside, the method's network is the one to evaluate: the averaged network if there is one."""
        if self._averaged is None:
            yield
            return
        trained = self.method.network
        self.method.network = self._averaged.network
        try:
            yield
        finally:
            self.method.network = trained


def _of_all(batch: Batch, step: Step) -> tuple[Batch, Step]:
    """The batch and the step, with the index, labels, new part and logits of all processes."""
    count = processes()
    new = slice(batch.new.start * count, batch.new.stop * count)
    whole = dataclasses.replace(batch, index=gathered(batch.index), labels=gathered(batch.labels), new=new)
    logits, selected = (None if part is None else gathered(part.detach()) for part in (step.logits, step.selected))
    return whole, Step(step.loss.detach(), logits, selected)
