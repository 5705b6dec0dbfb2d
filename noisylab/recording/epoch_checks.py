"""What is counted of an epoch's presentations on the device, without waiting for it, and judged when the epoch ends."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Shares of the samples: more at the end are not missing by chance, and fewer before them may be.
NEVER, GAPS = 0.05, 0.1
# What comes for two data sets comes twice as often as what comes for one.
OFTEN = 1.5


class Presentations(NamedTuple):
    """M presentations in order of time: sample int64[M], logits float32[M, K], given int64[M].

    new: int8[M], 1 for the epoch's own presentation of its sample, 0 for another one, -1 if the order decides.
    known: int64[M], what `given` must be; -1 if it may be anything.
    """

    sample: Tensor
    logits: Tensor
    given: Tensor
    new: Tensor
    known: Tensor


class EpochChecks:
    """Counts what cannot be right, or should be said.

    That is: samples and labels out of range, labels that contradict the given ones, outputs that are not finite, and samples
    that never come while others come again.
    """

    def __init__(self, samples: int, classes: int, device: torch.device) -> None:
        self.samples, self.classes = samples, classes
        self.presentations = 0
        # Lowest and highest sample and label.
        largest = torch.iinfo(torch.int64).max
        self._extent = torch.tensor([largest, largest, -1, -1], device=device)
        # The number of contradictions; sample, label and given label of the first one.
        self._contradiction = torch.zeros(4, dtype=torch.int64, device=device)
        self._not_finite = torch.zeros(1, dtype=torch.int64, device=device)
        self._times = torch.zeros(samples, dtype=torch.int32, device=device)

    def add(self, seen: Presentations, finite: Tensor) -> None:
        """Count presentations. finite: bool[M], whether their logits are."""
        self.presentations += len(finite)
        lowest = torch.stack([seen.sample.min(), seen.given.min()])
        highest = torch.stack([seen.sample.max(), seen.given.max()])
        self._extent = torch.cat([self._extent[:2].minimum(lowest), self._extent[2:].maximum(highest)])
        wrong = (seen.known >= 0) & (seen.given != seen.known)
        first = wrong.to(torch.int8).argmax()[None]
        found = torch.cat([part.index_select(0, first) for part in (seen.sample, seen.given, seen.known)])
        before = self._contradiction[:1]
        self._contradiction = torch.cat([before + wrong.sum(), torch.where(before > 0, self._contradiction[1:], found)])
        self._not_finite += (~finite).sum()
        # Without a statement every presentation may be the epoch's own.
        own = (seen.new != 0) & (seen.sample >= 0) & (seen.sample < self.samples)
        self._times.index_add_(0, seen.sample.clamp(0, self.samples - 1), own.to(torch.int32))

    def judge(self) -> "Counted":
        """Wait for the device, and return what was counted.

        Raises ValueError for samples or labels out of range, and for labels that contradict the given ones.
        """
        low, low_label, high, high_label = self._extent.tolist()
        if low < 0 or high >= self.samples:
            raise ValueError(
                f"index must be in [0, {self.samples}), got {low} to {high}; it holds positions in given_labels, and "
                "recorder.positions(ids) gives those of sample_ids"
            )
        if low_label < 0 or high_label >= self.classes:
            raise ValueError(f"labels must be in [0, {self.classes}), got {low_label} to {high_label}")
        contradictions, sample, said, known = self._contradiction.tolist()
        if contradictions:
            raise ValueError(
                f"labels must be the given ones, and {contradictions} of {self.presentations} are not: the first is {said} for "
                f"the sample at position {sample}, whose given label is {known}. Is index the position in given_labels? (The "
                "positions in several wrapped data sets collide: wrap(dataset, first_index=...).) check_labels=False records "
                "labels that were mixed or corrected"
            )
        return Counted(self.presentations, int(self._not_finite), *self._never_shown())

    def _never_shown(self) -> tuple[int, int]:
        """The first of the last samples that never came although earlier ones came again as often, and how often those came.

        (samples, 0) if there are none. If positions in two data sets collide, each sample of the second counts as one of the
        first, so that those at the beginning of the first come more often than the others.
        """
        times = self._times.cpu().numpy()
        shown = np.flatnonzero(times)
        count = int(shown[-1]) + 1 if len(shown) else self.samples
        never, again, gaps = self.samples - count, int(times.sum()) - len(shown), count - len(shown)
        # Sampling with replacement leaves gaps, and a loader may drop the last batch.
        suspect = never > NEVER * self.samples and again >= never / 2 and gaps <= GAPS * count
        # Without that, the last samples are held out of a training that repeats all others.
        if suspect and never < count:
            suspect = times[:never].mean() > OFTEN * times[never:count].mean()
        return (count, again) if suspect else (self.samples, 0)


class Counted(NamedTuple):
    """What an epoch's presentations were: how many, and how many of them were not finite.

    The samples from `first_missing` on never came, although earlier ones came again, `again` times in all; the number of
    samples and 0 if that did not happen.
    """

    presentations: int
    not_finite: int
    first_missing: int
    again: int
