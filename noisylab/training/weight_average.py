"""The moving average of a network's weights."""

import copy
from typing import Any

import torch

from noisylab.models.base import Backbone


class WeightAverage:
    """The exponential moving average of a network's weights, beside the network's own latest buffers, in `network`.

    The average begins with the weights after the first update, and is torch's `AveragedModel` with `get_ema_multi_avg_fn`,
    which reads its count of updates from the device in every step, and so would have every step wait for it.
    """

    def __init__(self, network: Backbone, decay: float) -> None:
        self.network, self.decay, self.updates = copy.deepcopy(network).requires_grad_(False), decay, 0

    @torch.no_grad()
    def update(self, network: Backbone) -> None:
        """Take in the weights after a step."""
        weight = 1 - self.decay if self.updates else 1.0
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), weight)
        for own, latest in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(latest)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The averaged network, and how many updates are in it."""
        return {"updates": self.updates, "network": self.network.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.updates = int(state["updates"])
        self.network.load_state_dict(state["network"])
