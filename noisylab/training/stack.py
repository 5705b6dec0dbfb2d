"""`Stack`: the networks of several methods as one, with one optimiser for all of them."""

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method
from noisylab.models.stacked import StackedNetwork
from noisylab.training.config import TrainConfig
from noisylab.training.optimizers import make_optimizer

# A multiple of the numbers that a processor computes at once.
ALIGNED = 64


class Stack:
    """The networks of methods in the first of `config.stack` places, sharing forward pass, backward pass and optimiser.

    The places that are left hold spare networks, which see the first images and learn nothing. So what a network computes
    depends on the number of places, and not on what stands in the others.
    """

    def __init__(self, methods: Sequence[Method], config: TrainConfig) -> None:
        own = [method.network for method in methods]
        # Parameters become views, so no network may stand in two places.
        self._networks = [*own, *(copy.deepcopy(own[0]) for _ in range(config.stack - len(own)))]
        # Never in evaluation mode: each network is evaluated by itself.
        self._stacked = StackedNetwork(self._networks).train()
        of_each = zip(*(network.parameters() for network in self._networks), strict=True)
        shared = [
            (joined, parts) for joined, parts in zip(self._stacked.parameters(), of_each, strict=True) if joined.requires_grad
        ]
        self._parts = Parts([joined for joined, _ in shared], len(self._networks))
        # All parameters as one tensor without remainders, which an optimiser would compute in another way.
        self._weights = nn.Parameter(self._parts.empty())
        self._weights.grad = self._parts.empty()
        for (joined, parts), whole, gradient in zip(
            shared, self._parts.of(self._weights.data), self._parts.of(self._weights.grad), strict=True
        ):
            whole.copy_(joined.detach())
            joined.data, joined.grad = whole, gradient
            for part, *views in zip(parts, whole.chunk(len(parts)), gradient.chunk(len(parts)), strict=True):
                part.data, part.grad = views
        self.optimizer = make_optimizer([self._weights], config)

    def zero_gradients(self) -> None:
        """Set the gradients of all networks to zero."""
        assert self._weights.grad is not None
        self._weights.grad.zero_()

    def logits(self, batches: Mapping[int, Batch]) -> tuple[Tensor, ...]:
        """The logits float[B, K] of every place. Places without a batch see the images of the first one."""
        first = next(iter(batches.values()))
        images = [batches.get(place, first).images for place in range(len(self._networks))]
        logits: Tensor = self._stacked(torch.stack(images))
        return logits.unbind()

    @contextmanager
    def apart(self, place: int) -> Iterator[None]:
        """Inside, a network has tensors of its own: where a tensor begins can change the last bit of what is computed."""
        views = [(tensor, tensor.data) for tensor in _tensors(self._networks[place])]
        self._give_own(place)
        try:
            yield
        finally:
            for tensor, view in views:
                tensor.data = view

    def release(self) -> None:
        """Give every network tensors of its own again."""
        for place, network in enumerate(self._networks):
            self._give_own(place)
            network.zero_grad()

    def _give_own(self, place: int) -> None:
        for tensor in _tensors(self._networks[place]):
            tensor.data = tensor.data.clone()

    def optimizer_of(self, place: int) -> "OptimizerPart":
        """The state of the optimiser that belongs to one place."""
        return OptimizerPart(self.optimizer, self._weights, self._parts, place)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


class Parts:
    """Where the parameters of stacked networks are in one tensor, each at a multiple of `ALIGNED` numbers."""

    def __init__(self, parameters: Sequence[nn.Parameter], count: int) -> None:
        self._like = [(each.shape, each.stride()) for each in parameters]
        sizes = [each.numel() + -each.numel() % ALIGNED for each in parameters]
        self._starts, self._count = list(itertools.accumulate(sizes, initial=0)), count
        self._device = parameters[0].device

    def empty(self) -> Tensor:
        """Zeros for all parameters."""
        return torch.zeros(self._starts[-1], device=self._device)

    def of(self, whole: Tensor) -> list[Tensor]:
        """A view for every parameter of all networks."""
        return [whole.as_strided(*like, start) for like, start in zip(self._like, self._starts[:-1], strict=True)]

    def at(self, whole: Tensor, place: int) -> list[Tensor]:
        """A view for every parameter of one network."""
        return [view.chunk(self._count)[place] for view in self.of(whole)]


class OptimizerPart:
    """One network's part of the optimiser of a stack, with the state that an optimiser of its own would have."""

    def __init__(self, optimizer: torch.optim.Optimizer, weights: nn.Parameter, parts: Parts, place: int) -> None:
        self._optimizer, self._weights, self._parts, self._place = optimizer, weights, parts, place

    def state_dict(self) -> dict[str, Any]:
        """The state of every parameter, by its number, and the settings."""
        count = len(self._parts.at(self._weights.data, self._place))
        state: dict[int, dict[str, Tensor]] = {number: {} for number in range(count)}
        for name, value in self._optimizer.state[self._weights].items():
            # The number of steps is one of all.
            parts = self._parts.at(value, self._place) if value.ndim else [value] * count
            for number, part in enumerate(parts):
                state[number][name] = part.clone()
        groups = [{**group, "params": list(state)} for group in self._optimizer.state_dict()["param_groups"]]
        return {"state": {number: held for number, held in state.items() if held}, "param_groups": groups}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Restore the state of `state_dict`."""
        state = self._optimizer.state[self._weights]
        for number, held in state_dict["state"].items():
            for name, value in held.items():
                if name not in state:
                    # Spare networks start with zeros.
                    state[name] = self._parts.empty() if value.ndim else value.clone()
                if value.ndim:
                    self._parts.at(state[name], self._place)[number].copy_(value)
