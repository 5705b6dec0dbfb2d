"""`Callback`: what looks on at training."""

from dataclasses import dataclass
from typing import Any, Protocol

from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step


@dataclass(frozen=True)
class EpochSummary:
    """What the loop knows at the end of an epoch. `images` and `steps` count this epoch alone; seconds of training alone."""

    epoch: int
    train_loss: float
    learning_rate: float
    images: int
    steps: int
    seconds: float


class Callback:
    """Looks on at training; may not change it. What it remembers between epochs is in its `state_dict()`."""

    def on_step(self, batch: Batch, step: Step) -> None:
        """After the update of every step, in every process. `step.logits` are from before it, in training mode; None if mixed.

        If several processes train together, the logits, index, labels and new part are those of all of them.
        """

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """After the last step of an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on exactly."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""


class Stateful(Protocol):
    """What has a state that outlives an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """The state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take up what `state_dict` gave."""
