"""`Stack`: the networks of several methods as one, with one optimiser for all of them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method
from noisylab.models.stacked import StackedNetwork
from noisylab.training.config import TrainConfig
from noisylab.training.optimizers import make_optimizer


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
        # Each stacked parameter with those of the networks, in the order of a network's own.
        self._shared = [
            (joined, parts) for joined, parts in zip(self._stacked.parameters(), of_each, strict=True) if joined.requires_grad
        ]
        self.optimizer = make_optimizer([joined for joined, _ in self._shared], config)

    def logits(self, batches: Mapping[int, Batch]) -> tuple[Tensor, ...]:
        """The logits float[B, K] of every place. Places without a batch see the images of the first one."""
        first = next(iter(batches.values()))
        images = [batches.get(place, first).images for place in range(len(self._networks))]
        logits: Tensor = self._stacked(torch.stack(images))
        return logits.unbind()

    def share_gradients(self) -> None:
        """Make the gradients of each network's parameters views of the stacked ones."""
        for joined, parts in self._shared:
            if joined.grad is not None:
                for part, gradient in zip(parts, joined.grad.chunk(len(parts)), strict=True):
                    part.grad = gradient

    def release(self) -> None:
        """Give every network tensors of its own again."""
        for network in self._networks:
            for tensor in (*network.parameters(), *network.buffers()):
                tensor.data = tensor.data.clone()

    def optimizer_of(self, place: int) -> "OptimizerPart":
        """The state of the optimiser that belongs to one place."""
        return OptimizerPart(self.optimizer, [joined for joined, _ in self._shared], place, len(self._networks))


class OptimizerPart:
    """One network's part of the optimiser of stacked parameters, with the state that an optimiser of its own would have."""

    def __init__(self, optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], place: int, count: int) -> None:
        self._optimizer, self._parameters, self._place, self._count = optimizer, parameters, place, count

    def state_dict(self) -> dict[str, Any]:
        """The rows of this network, and what is no row (the number of steps), by the number of the parameter."""
        state = {
            number: {name: self._part(value, parameter).clone() for name, value in self._optimizer.state[parameter].items()}
            for number, parameter in enumerate(self._parameters)
            if parameter in self._optimizer.state
        }
        return {"state": state, "param_groups": self._optimizer.state_dict()["param_groups"]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Restore the state of `state_dict`."""
        for number, saved in state_dict["state"].items():
            parameter = self._parameters[number]
            state = self._optimizer.state[parameter]
            for name, value in saved.items():
                if name not in state:
                    # Spare networks start with zeros.
                    state[name] = torch.zeros_like(parameter) if value.ndim else value.clone()
                self._part(state[name], parameter).copy_(value)

    def _part(self, value: Tensor, parameter: nn.Parameter) -> Tensor:
        return value.chunk(self._count)[self._place] if value.shape == parameter.shape else value
