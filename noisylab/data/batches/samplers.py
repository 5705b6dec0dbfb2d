"""Batch composition: the sample ids of a batch, as a function of seed and epoch.

Each sampler is for `torch.utils.data.DataLoader(batch_sampler=...)` and yields lists of ids, one epoch per iteration. The epoch
advances by itself after every complete iteration, or is set by `set_epoch`.
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
    """One batch: the sample ids int64[B], and the part that is this epoch's own presentation."""

    ids: NDArray[np.int64]
    new: slice


class PlainSampler:
    """[new]: every sample once an epoch. The last batch is smaller if samples do not fit, but never has a single sample.

    Args:
        num_samples: N; ids are 0 to N - 1.
        batch_size: Entries of a batch, in each process.
        seed: Seed of the order.
        num_replicas: Number of processes that train together. All get equally many samples: up to num_replicas - 1 are left out
            of an epoch, others in every epoch.
        rank: This process.

    Raises:
        ValueError: For bad arguments, or fewer than two samples for a process.

    Example:
        >>> from noisylab.data import PlainSampler
        >>> [len(ids) for ids in PlainSampler(10, batch_size=4)]
        [4, 4, 2]
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
        """Make `epoch` the epoch of the next iteration."""
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
        # Batch norm cannot train on a single image of one pixel, so a single remaining sample gets company.
        if step > 2 and len(order) > step and len(order) % step == 1:
            starts[-2] -= 1
        return [order[start:stop] for start, stop in itertools.pairwise(starts)]


class LastBatchSampler(PlainSampler):
    """[the previous batch's new half, a new half], as DLB needs it (Shen et al. 2022).

    Each sample is once an epoch in a new half and once, in the next batch, in a repeated half. The last new half of an epoch is
    repeated in the first batch of the next one. Only the first batch of all has nothing to repeat.

    Args:
        num_samples: N; ids are 0 to N - 1.
        batch_size: Entries of a batch, in each process; even, since it counts both halves.
        seed: Seed of the order.
        lag: A half is repeated this many batches later; the first `lag` batches of all have nothing to repeat.
        num_replicas: Number of processes that train together (see `PlainSampler`). Each repeats its own halves.
        rank: This process.

    Raises:
        ValueError: For bad arguments.

    Example:
        >>> from noisylab.data import LastBatchSampler
        >>> first, second, third = LastBatchSampler(6, batch_size=4)
        >>> len(first), second[:2] == first, third[:2] == second[2:]
        (2, True, True)
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
    """[new, the same again]: two views of every sample in one batch (DDGSD, JoCoR).

    Args:
        num_samples: N; ids are 0 to N - 1.
        batch_size: Entries of a batch, in each process; even, since it counts both views.
        seed: Seed of the order.
        num_replicas: Number of processes that train together (see `PlainSampler`).
        rank: This process.

    Example:
        >>> from noisylab.data import TwinSampler
        >>> first, second = TwinSampler(4, batch_size=4)
        >>> first[:2] == first[2:]
        True
    """

    presentations = 2

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        for new in self._new(epoch):
            yield Entries(np.concatenate([new, new]), slice(0, len(new)))


class SameClassSampler(PlainSampler):
    """[new, for each a partner with the same given label] (CS-KD, Yun et al. 2020).

    The partner is another sample, drawn uniformly; a sample alone in its class is its own partner.

    Args:
        labels: int[N], given labels.
        batch_size: Entries of a batch, in each process; even, since it counts the partners.
        seed: Seed of the order.
        num_replicas: Number of processes that train together (see `PlainSampler`).
        rank: This process.

    Example:
        >>> from noisylab.data import SameClassSampler
        >>> first, second = SameClassSampler([0, 0, 1, 1], batch_size=4)
        >>> [place // 2 for place in first[:2]] == [place // 2 for place in first[2:]]
        True
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


def presentations_of(composition: Composition) -> int:
    """How often a composition presents each sample in an epoch."""
    return (LastBatchSampler if isinstance(composition, Delayed) else SAMPLERS[composition]).presentations
