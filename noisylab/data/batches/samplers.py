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
from noisylab.core.shares import Whole


class Delayed(NamedTuple):
    """The composition [the new half of `lag` batches ago, a new half]; that of "last" is Delayed(1)."""

    lag: int


Composition = Literal["plain", "last", "twin", "same_class"] | Delayed


class Entries(NamedTuple):
    """One batch: the sample ids int64[B], and which part of them are this epoch's own presentations."""

    ids: NDArray[np.int64]
    new: slice


class PlainSampler:
    """[new]: every sample once an epoch, in batches of `batch_size`, the last one smaller where they do not fit.

    Where one sample alone would be left over, or fewer than there are processes, the batch before gives of its own.
    shard: (rank, number of processes) where several processes train together: each iterates over its share of every batch.
    Raises ValueError where shares would not be equal, or have fewer than two new entries.
    """

    presentations: ClassVar[int] = 1

    @checked
    def __init__(
        self,
        num_samples: PositiveInt,
        batch_size: PositiveInt,
        seed: NonNegativeInt = 0,
        *,
        shard: tuple[NonNegativeInt, PositiveInt] = (0, 1),
    ) -> None:
        if batch_size % self.presentations:
            raise ValueError(f"batch_size must be even: it counts both halves of a batch, got {batch_size}")
        self.rank, self.processes = shard
        if self.rank >= self.processes:
            raise ValueError(f"shard must be (rank, number of processes) with rank below the number, got {shard!r}")
        if self.processes > 1:
            check_shares(num_samples, batch_size, self.presentations, self.processes)
        self.num_samples, self.batch_size, self.seed, self.epoch = num_samples, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be that of `epoch`."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_samples // (self.batch_size // self.presentations))

    def __iter__(self) -> Iterator[list[int]]:
        epoch = self.epoch
        for entries in self.batches(epoch):
            yield entries.ids[self.whole(entries).share(self.rank)].tolist()
        if self.epoch == epoch:
            self.epoch += 1

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch, those of all processes."""
        for new in self._new(epoch):
            yield Entries(new, slice(0, len(new)))

    def whole(self, entries: Entries) -> Whole:
        """What the processes have their shares of."""
        before, new = entries.new.start, entries.new.stop - entries.new.start
        return Whole(before, new, len(entries.ids) - before - new, self.processes)

    def _new(self, epoch: int) -> list[NDArray[np.int64]]:
        """The new samples of each batch of an epoch."""
        order = np.random.default_rng(derive_seed(self.seed, "order", epoch)).permutation(self.num_samples)
        step = self.batch_size // self.presentations
        starts = [*range(0, len(order), step), len(order)]
        # Batch norm cannot train on one image of one pixel, so a single sample that is left over gets company.
        wanted, left = max(2, self.processes), len(order) % step
        if step > wanted and len(order) > step and 0 < left < wanted:
            starts[-2] -= wanted - left
        return [order[start:stop] for start, stop in itertools.pairwise(starts)]


class LastBatchSampler(PlainSampler):
    """[the previous batch's new half, a new half], as DLB needs it (Shen et al. 2022).

    `batch_size` counts both halves and is even. Each sample stands once an epoch in a new half and once, in the next batch,
    in a repeated half; the last new half of an epoch is repeated in the first batch of the next. The first batch of all has
    nothing to repeat. The batch after a smaller last one repeats just as many. lag: how many batches later a half is repeated,
    where that is not the next one; then the first `lag` batches of all have nothing to repeat.
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
        shard: tuple[NonNegativeInt, PositiveInt] = (0, 1),
    ) -> None:
        super().__init__(num_samples, batch_size, seed, shard=shard)
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

    def __init__(self, labels: ArrayLike, batch_size: int, seed: int = 0, *, shard: tuple[int, int] = (0, 1)) -> None:
        self.labels = np.asarray(labels)
        super().__init__(len(self.labels), batch_size, seed, shard=shard)
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
    composition: Composition, given_labels: NDArray[np.int64], batch_size: int, seed: int, shard: tuple[int, int] = (0, 1)
) -> PlainSampler:
    """The sampler of a composition for samples with these given labels."""
    if isinstance(composition, Delayed):
        return LastBatchSampler(len(given_labels), batch_size, seed, composition.lag, shard=shard)
    if composition == "same_class":
        return SameClassSampler(given_labels, batch_size, seed, shard=shard)
    return SAMPLERS[composition](len(given_labels), batch_size, seed, shard=shard)


def check_shares(num_samples: int, batch_size: int, presentations: int, processes: int) -> None:
    """Raise ValueError where processes would not have equal shares of a batch, with two new entries at least."""
    if batch_size % (presentations * processes):
        raise ValueError(
            f"batch_size counts the entries of all processes and must be a multiple of {presentations * processes} for "
            f"{processes} of them, got {batch_size}"
        )
    if min(num_samples, batch_size // presentations) < 2 * processes:
        raise ValueError(
            f"every process needs two new entries of a batch, got {batch_size} entries ({num_samples} samples) for "
            f"{processes} processes"
        )


def presentations_of(composition: Composition) -> int:
    """How often a composition shows each sample an epoch."""
    return (LastBatchSampler if isinstance(composition, Delayed) else SAMPLERS[composition]).presentations
