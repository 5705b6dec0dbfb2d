"""`Callback`: observes training."""

from dataclasses import dataclass
from typing import Any, Protocol

from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step


@dataclass(frozen=True)
class EpochSummary:
    """The loop's numbers of one epoch.

    Attributes:
        epoch: Counted from 0.
        train_loss: Mean over the updates.
        learning_rate: Of the first update.
        images: Entries that were trained on in this epoch.
        updates: Optimiser steps in this epoch.
        seconds: Time of training, without evaluation.
    """

    epoch: int
    train_loss: float
    learning_rate: float
    images: int
    updates: int
    seconds: float


class Callback:
    """Observes training without changing it. State that it keeps between epochs is in its `state_dict()`.

    Example:
        >>> class Losses(Callback):
        ...     def on_epoch(self, summary, method):
        ...         print(summary.train_loss)
    """

    def on_step(self, batch: Batch, step: Step) -> None:
        """Called after every update, in every process. `step.logits` are from before it, in training mode; None if mixed.

        With several processes, the logits, index, labels and new part cover all of them.
        """

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        """Called after the last step of an epoch."""

    def flush(self) -> None:
        """Called before a state is written to disk: makes durable what the state relies on."""

    def state_dict(self) -> dict[str, Any]:
        """The state that is needed to continue exactly."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of `state_dict`."""


class Stateful(Protocol):
    """An object with state that outlives an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """The state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Restore the state of `state_dict`."""
