"""What a batch is made of. Without torch, so that planning a study stays quick."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Delayed(NamedTuple):
    """The composition [the new half of `lag` batches ago, a new half]; "last" is Delayed(1)."""

    lag: int


Composition = Literal["plain", "last", "twin", "same_class"] | Delayed


def presentations_of(composition: Composition) -> int:
    """How often a composition presents each sample in an epoch."""
    return 1 if composition == "plain" else 2


def check_batches(composition: Composition, given_labels: NDArray[np.int64], batch_size: int, processes: int = 1) -> None:
    """Raise ValueError if a composition would never hold what the method learns from.

    batch_size: the entries of a batch in all processes. An epoch must have two batches, so that one repeats another, and some
    class must have two samples if partners of the same class are asked for.
    """
    samples, step = len(given_labels) // processes, batch_size // processes // 2
    if (composition == "last" or isinstance(composition, Delayed)) and samples <= step:
        largest = 2 * (samples - 1) * processes
        where = f" in each of {processes} processes" if processes > 1 else ""
        way_out = f"take a batch size of at most {largest}, or more samples" if largest else "take more samples"
        raise ValueError(
            f"batch_size {batch_size} shows {step:,} new samples a batch{where}, and there are {samples:,}: an epoch has one "
            f"batch, so none repeats the one before it; {way_out}"
        )
    if composition == "same_class" and np.unique(given_labels, return_counts=True)[1].max(initial=0) < 2:
        raise ValueError("every class has a single sample, so none has a partner of the same class; take more samples")
