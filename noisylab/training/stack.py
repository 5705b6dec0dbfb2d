"""One update of several methods whose networks are stacked: one forward pass, one backward pass and one optimiser step."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.models.stacked import StackedNetwork
from noisylab.training.callback import Stateful
from noisylab.training.config import TrainConfig
from noisylab.training.optimizers import make_optimizer, own_optimizers
from noisylab.training.update import DTYPES, averaged_network
from noisylab.training.weight_average import WeightAverage


class StackedUpdate:
    """Call it with a batch of every method to make one training step of all.

    A stack has `config.stack` places. Those that no method has show their network the first method's images and learn nothing:
    the number of places can change the last bit of a number, but what stands in the other places cannot.
    """

    def __init__(self, methods: Sequence[Method], config: TrainConfig, device: torch.device) -> None:
        self.methods, self.config, self.device = list(methods), config, device
        spare = [methods[0].network] * (config.stack - len(methods))
        self.stacked = StackedNetwork([*(method.network for method in methods), *spare])
        self._common = make_optimizer(list(self.stacked.parameters()), config)
        self._own = [own_optimizers(method) for method in methods]
        self._averaged = [WeightAverage(method.network, config.ema) if config.ema else None for method in methods]

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for group in self._common.param_groups:
            group["lr"] = rate

    def stateful(self, place: int) -> dict[str, Stateful]:
        """The objects with a state, by name, of the method at this place."""
        optimizers = [_Share(self._common, place, self.config.stack), *self._own[place]]
        found: dict[str, Stateful] = {f"optimizer {number}": each for number, each in enumerate(optimizers)}
        if (averaged := self._averaged[place]) is not None:
            found["ema"] = averaged
        return found

    def __call__(self, batches: Sequence[Batch], before_loss: Any) -> list[Step | Exception]:
        """Compute losses and gradients, and update weights, averages and the methods' memories.

        before_loss: called with each place before its loss, to seed the generators. Returns each method's step, or the error of
        its loss; then its network learned nothing.
        """
        self._common.zero_grad(set_to_none=True)
        for optimizers in self._own:
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
        images = [batch.images for batch in batches]
        images += images[:1] * (self.config.stack - len(images))
        steps: list[Step | Exception] = []
        mixed = self.config.precision == "bf16"
        with torch.autocast(self.device.type, DTYPES[self.config.precision] if mixed else None, enabled=mixed):
            logits = self.stacked(torch.stack(images)).unbind()
            for place, (method, batch) in enumerate(zip(self.methods, batches, strict=True)):
                before_loss(place)
                steps.append(_step(method, logits[place], batch))
        learning = [place for place, step in enumerate(steps) if isinstance(step, Step)]
        if learning:
            torch.stack([steps[place].loss for place in learning]).sum().backward()
        return steps
