"""The moving average of a network's weights."""

import copy
from typing import Any

import torch

from noisylab.models.base import Backbone


class WeightAverage:
    """The exponential moving average of a network's weights, with the latest buffers, in `network`.

    The average starts with the weights after the first update. It equals torch's `AveragedModel` with `get_ema_multi_avg_fn`,
    which waits for the device in every step, because it reads its count of updates from there.
    """

    def __init__(self, network: Backbone, decay: float) -> None:
        self.network, self.decay, self.updates = copy.deepcopy(network).requires_grad_(False), decay, 0

    @torch.no_grad()
    def update(self, network: Backbone) -> None:
        """Add the weights after a step."""
        weight = 1 - self.decay if self.updates else 1.0
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), weight)
        for own, latest in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(latest)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The averaged network, and its number of updates."""
        return {"updates": self.updates, "network": self.network.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        self.updates = int(state["updates"])
        self.network.load_state_dict(state["network"])
