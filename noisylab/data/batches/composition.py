"""What a batch is made of. Without torch, so that planning a study stays quick."""

from typing import Literal, NamedTuple


class Delayed(NamedTuple):
    """The composition [the new half of `lag` batches ago, a new half]; "last" is Delayed(1)."""

    lag: int


Composition = Literal["plain", "last", "twin", "same_class"] | Delayed


def presentations_of(composition: Composition) -> int:
    """How often a composition presents each sample in an epoch."""
    return 1 if composition == "plain" else 2
