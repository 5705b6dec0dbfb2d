"""`Whole`: a batch that several processes have their shares of."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Whole(NamedTuple):
    """The batch that several processes have their shares of: its entries before the new ones, the new ones, those after."""

    before: int
    new: int
    after: int
    processes: int

    @property
    def entries(self) -> int:
        """Its entries in all."""
        return self.before + self.new + self.after

    @property
    def where_new(self) -> slice:
        """Its new entries."""
        return slice(self.before, self.before + self.new)

    def share(self, rank: int) -> NDArray[np.int64]:
        """The positions in it of a process's entries: every `processes`-th of each part.

        So what one process has as new, it has again as repeated, in whichever later batch that is.
        """
        starts = 0, self.before, self.before + self.new
        lengths = self.before, self.new, self.after
        parts = [np.arange(start + rank, start + length, self.processes) for start, length in zip(starts, lengths, strict=True)]
        return np.concatenate(parts)

    def new_of(self, rank: int) -> slice:
        """Which of a process's entries are new."""
        before, new = len(range(rank, self.before, self.processes)), len(range(rank, self.new, self.processes))
        return slice(before, before + new)

    def repeated_weight(self, rank: int) -> float:
        """What a process's mean over its repeated entries counts beside that over all its entries, for the same."""
        own = len(range(rank, self.before, self.processes))
        return own / self.before / (len(self.share(rank)) / self.entries) if own else 1.0

    def weight(self, rank: int) -> float:
        """What a process's mean counts in the mean over processes, so that every entry counts alike."""
        return len(self.share(rank)) * self.processes / self.entries
