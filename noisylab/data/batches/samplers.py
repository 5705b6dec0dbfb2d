"""Batch composition: which sample ids stand in a batch. All are functions of (seed, epoch).

Each is a batch sampler for `torch.utils.data.DataLoader(batch_sampler=...)`: it yields lists of ids, one epoch per iteration.
The epoch is the one set by `set_epoch`, else it advances by itself after every full iteration.
"""

import itertools
from collections.abc import Iterator
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, PositiveInt, checked
from noisylab.core.seeds import derive_seed


class Delayed(NamedTuple):
    """The composition [the new half of `lag` batches ago, a new half]; "last" is Delayed(1)."""

    lag: int


Composition = Literal["plain", "last", "twin", "same_class"] | Delayed


class Entries(NamedTuple):
    """One batch: the sample ids int64[B], and which part of them are this epoch's own presentations."""

    ids: NDArray[np.int64]
    new: slice


class PlainSampler:
    """[new]: every sample once an epoch, in batches of `batch_size`, the last one smaller if they do not fit.

    If one sample alone would be left over, the batch before gives one of its own.

    If several processes train together, `num_replicas` is their number and `rank` says which one this is. Each has batches of
    `batch_size` of its own, and all have equally many samples: up to num_replicas - 1 are left out of an epoch, others in every
    epoch. Raises ValueError if a process has fewer than two samples.
    """

    presentations: ClassVar[int] = 1

    @checked
    def __init__(
        self,
        num_samples: PositiveInt,
        batch_size: PositiveInt,
        seed: NonNegativeInt = 0,
        *,
        num_replicas: PositiveInt = 1,
        rank: NonNegativeInt = 0,
    ) -> None:
        if batch_size % self.presentations:
            raise ValueError(f"batch_size must be even: it counts both halves of a batch, got {batch_size}")
        if rank >= num_replicas:
            raise ValueError(f"rank must be below num_replicas = {num_replicas}, got {rank}")
        if num_replicas > 1 and num_samples < 2 * num_replicas:
            raise ValueError(f"num_samples must be at least 2 for each of {num_replicas} processes, got {num_samples}")
        self.num_samples, self.batch_size, self.seed, self.epoch = num_samples, batch_size, seed, 0
        self.num_replicas, self.rank = num_replicas, rank

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be that of `epoch`."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-(self.num_samples // self.num_replicas) // (self.batch_size // self.presentations))

    def __iter__(self) -> Iterator[list[int]]:
        epoch = self.epoch
        for entries in self.batches(epoch):
            yield entries.ids.tolist()
        if self.epoch == epoch:
            self.epoch += 1

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        for new in self._new(epoch):
            yield Entries(new, slice(0, len(new)))

    def _new(self, epoch: int) -> list[NDArray[np.int64]]:
        """The new samples of each batch of an epoch."""
        order = np.random.default_rng(derive_seed(self.seed, "order", epoch)).permutation(self.num_samples)
        order = order[self.rank : len(order) - len(order) % self.num_replicas : self.num_replicas]
        step = self.batch_size // self.presentations
        starts = [*range(0, len(order), step), len(order)]
        # Batch norm cannot train on one image of one pixel, so a single sample that is left over gets company.
        if step > 2 and len(order) > step and len(order) % step == 1:
            starts[-2] -= 1
        return [order[start:stop] for start, stop in itertools.pairwise(starts)]


class LastBatchSampler(PlainSampler):
    """[the previous batch's new half, a new half], as DLB needs it (Shen et al. 2022).

    `batch_size` counts both halves and is even. Each sample stands once an epoch in a new half and once, in the next batch,
    in a repeated half; the last new half of an epoch is repeated in the first batch of the next. The first batch of all has
    nothing to repeat. The batch after a smaller last one repeats just as many. lag: how many batches later a half is repeated;
    the first `lag` batches of all have nothing to repeat. Of several processes, each repeats its own halves.
    """

    presentations = 2

    @checked
    def __init__(
        self,
        num_samples: PositiveInt,
        batch_size: PositiveInt,
        seed: NonNegativeInt = 0,
        lag: PositiveInt = 1,
        *,
        num_replicas: PositiveInt = 1,
        rank: NonNegativeInt = 0,
    ) -> None:
        super().__init__(num_samples, batch_size, seed, num_replicas=num_replicas, rank=rank)
        self.lag = lag

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        past: list[NDArray[np.int64]] = []
        before = epoch
        while len(past) < self.lag and before > 0:
            before -= 1
            past = self._new(before) + past
        past = past[-self.lag :]
        for new in self._new(epoch):
            last = past.pop(0) if len(past) == self.lag else np.empty(0, dtype=np.int64)
            yield Entries(np.concatenate([last, new]), slice(len(last), len(last) + len(new)))
            past.append(new)


class TwinSampler(PlainSampler):
    """[new, the same again]: two views of every sample in one batch (DDGSD, JoCoR)."""

    presentations = 2

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        for new in self._new(epoch):
            yield Entries(np.concatenate([new, new]), slice(0, len(new)))


class SameClassSampler(PlainSampler):
    """[new, for each a partner with the same given label] (CS-KD, Yun et al. 2020).

    labels: int[N] given labels. The partner is another sample, drawn uniformly; a sample alone in its class is its own partner.
    """

    presentations = 2

    def __init__(self, labels: ArrayLike, batch_size: int, seed: int = 0, *, num_replicas: int = 1, rank: int = 0) -> None:
        self.labels = np.asarray(labels)
        super().__init__(len(self.labels), batch_size, seed, num_replicas=num_replicas, rank=rank)
        self._grouped = np.argsort(self.labels, kind="stable")
        _, group, sizes = np.unique(self.labels, return_inverse=True, return_counts=True)
        start = np.cumsum(sizes) - sizes
        self._start, self._size = start[group], sizes[group]
        self._place = np.empty(len(self.labels), dtype=np.int64)
        self._place[self._grouped] = np.arange(len(self.labels))
        self._place -= self._start

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        rng = np.random.default_rng(derive_seed(self.seed, "partners", epoch))
        ahead = 1 + np.floor(rng.random(self.num_samples) * (self._size - 1)).astype(np.int64)
        partner = self._grouped[self._start + (self._place + ahead) % self._size]
        for new in self._new(epoch):
            yield Entries(np.concatenate([new, partner[new]]), slice(0, len(new)))


SAMPLERS: dict[str, type[PlainSampler]] = {
    "plain": PlainSampler,
    "last": LastBatchSampler,
    "twin": TwinSampler,
    "same_class": SameClassSampler,
}


def make_sampler(
    composition: Composition,
    given_labels: NDArray[np.int64],
    batch_size: int,
    seed: int,
    *,
    num_replicas: int = 1,
    rank: int = 0,
) -> PlainSampler:
    """The sampler of a composition for samples with these given labels."""
    replica = {"num_replicas": num_replicas, "rank": rank}
    if isinstance(composition, Delayed):
        return LastBatchSampler(len(given_labels), batch_size, seed, composition.lag, **replica)
    if composition == "same_class":
        return SameClassSampler(given_labels, batch_size, seed, **replica)
    return SAMPLERS[composition](len(given_labels), batch_size, seed, **replica)


def presentations_of(composition: Composition) -> int:
    """How often a composition shows each sample an epoch."""
    return (LastBatchSampler if isinstance(composition, Delayed) else SAMPLERS[composition]).presentations
