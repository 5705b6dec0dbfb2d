"""Batch samplers: the sample ids of each batch, one epoch per iteration.

They follow torch's convention, `(sampler, batch_size, drop_last=False)`, so that trainers can hand them a sampler of their own.
Every iteration is an epoch, also one that is left early. `set_epoch` chooses the next one.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import BatchSampler, Sampler

from noisylab.core.checks import NonNegativeInt, PositiveInt, check_value, checked, shown
from noisylab.core.distributed import processes
from noisylab.core.distributed import rank as own_rank
from noisylab.core.seeds import derive_seed
from noisylab.data.batches.composition import Composition, Delayed

_OF_A_DATA_SET = "for a data set, pass len(dataset)"


class Entries(NamedTuple):
    """One batch: the sample ids int64[B], and the part that is this epoch's own presentation."""

    ids: NDArray[np.int64]
    new: slice


class ShuffledIds(Sampler[int]):
    """The ids 0 to N - 1 in an order that is a function of seed and epoch.

    Args:
        num_samples: Their number N.
        seed: Seed of the order.

    Example:
        >>> from noisylab.data import ShuffledIds
        >>> sorted(ShuffledIds(3, seed=1))
        [0, 1, 2]
    """

    @checked
    def __init__(self, num_samples: PositiveInt, seed: NonNegativeInt = 0) -> None:
        self.num_samples, self.seed, self.epoch = num_samples, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        yield from self.order(self.epoch).tolist()

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The ids int64[N] in the order of an epoch."""
        return np.random.default_rng(derive_seed(self.seed, "order", epoch)).permutation(self.num_samples)


class PlainSampler(BatchSampler):
    """[new]: every sample once an epoch. The last batch is smaller if samples do not fit, but never has a single sample.

    Args:
        sampler: The number of samples N, for the ids 0 to N - 1 in an order of seed and epoch; or any sampler of ids with a
            length, such as torch's WeightedRandomSampler, SubsetRandomSampler or DistributedSampler.
        batch_size: Entries of a batch, in each process.
        drop_last: Leave out the samples that do not fill a batch.
        seed: Seed of the order, if `sampler` is a number.
        num_replicas: Number of processes that train together; by default that of the process group, or 1. All get equally many
            samples: up to num_replicas - 1 are left out of an epoch, others in every epoch. A sampler that has `num_replicas`
            itself is not shared again.
        rank: This process; by default that of the process group, or 0.

    Raises:
        ValueError: For bad arguments, fewer than two samples for a process, or a sampler that is random in each process; and
            in an iteration, if the process group was made after it.

    Example:
        >>> from noisylab.data import PlainSampler
        >>> [len(ids) for ids in PlainSampler(10, batch_size=4)]
        [4, 4, 2]
    """

    presentations: ClassVar[int] = 1

    @checked
    def __init__(
        self,
        sampler: int | Iterable[int],
        batch_size: PositiveInt,
        drop_last: bool = False,
        *,
        seed: NonNegativeInt = 0,
        num_replicas: PositiveInt | None = None,
        rank: NonNegativeInt | None = None,
    ) -> None:
        if batch_size % self.presentations:
            raise ValueError(f"batch_size must be even: it counts both halves of a batch, got {batch_size}")
        self.sampler: Any = (
            ShuffledIds(_count(sampler), seed) if isinstance(sampler, int | np.integer) else _with_length(sampler)
        )
        self.batch_size, self.drop_last, self.seed = batch_size, drop_last, seed
        self.num_replicas, self.rank = _replica(self.sampler, num_replicas, rank)
        self._asked_the_group = num_replicas is None and not hasattr(self.sampler, "num_replicas")
        if self.num_replicas > 1 and len(self.sampler) < 2 * self.num_replicas:
            raise ValueError(f"there must be 2 samples for each of {self.num_replicas} processes, got {len(self.sampler)}")
        # Used for samplers whose orders cannot be asked for again.
        self._own_epoch = 0
        self._past: list[NDArray[np.int64]] = []

    @property
    def epoch(self) -> int:
        """The epoch of the next iteration."""
        return int(getattr(self.sampler, "epoch", self._own_epoch))

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the epoch of the next iteration."""
        self._own_epoch = epoch
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        share, step = len(self.sampler) // self.num_replicas, self.batch_size // self.presentations
        return share // step if self.drop_last else -(-share // step)

    def __iter__(self) -> Iterator[list[int]]:
        if self._asked_the_group and processes() > self.num_replicas:
            raise ValueError(
                f"{type(self).__name__} was made before the process group of {processes()} processes, so each would train on "
                "all samples; make it afterwards (in Lightning, in train_dataloader), or pass num_replicas and rank"
            )
        epoch = self.epoch
        batches = self.batches(epoch)
        first = next(batches, None)
        # At once, so that an epoch that is left early is over too.
        self.set_epoch(epoch + 1)
        for entries in itertools.chain([] if first is None else [first], batches):
            yield entries.ids.tolist()

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        for new in self._new(epoch):
            yield Entries(new, slice(0, len(new)))

    def _new(self, epoch: int) -> list[NDArray[np.int64]]:
        """The new samples of each batch of an epoch."""
        order = self._order(epoch)
        order = order[self.rank : len(order) - len(order) % self.num_replicas : self.num_replicas]
        step = self.batch_size // self.presentations
        if self.drop_last:
            order = order[: len(order) // step * step]
        starts = [*range(0, len(order), step), len(order)]
        # Batch norm cannot train on a single image of one pixel, so a single remaining sample gets company.
        if step > 2 and len(order) > step and len(order) % step == 1:
            starts[-2] -= 1
        return [order[start:stop] for start, stop in itertools.pairwise(starts)]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The ids of all processes in the order of an epoch, or the next order of a sampler that knows no epochs."""
        if isinstance(self.sampler, ShuffledIds):
            return self.sampler.order(epoch)
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
        ids = list(self.sampler)
        try:
            order = np.array(ids, dtype=np.int64)
        except (TypeError, ValueError, RuntimeError):
            order = np.empty((0, 0), dtype=np.int64)
        if order.ndim != 1:
            raise ValueError(f"sampler must hand out ids, which are integers, got {shown(ids[0])}; {_OF_A_DATA_SET}")
        return order


class LastBatchSampler(PlainSampler):
    """[the previous batch's new half, a new half], as DLB needs it (Shen et al. 2022).

    Each sample is once an epoch in a new half and once, in the next batch, in a repeated half. The last new half of an epoch is
    repeated in the first batch of the next one: the order of the epoch before is asked for again, or remembered if the sampler
    has no `set_epoch`. Only the first batch of all has nothing to repeat.

    Args:
        sampler: The number of samples N, or any sampler of ids (see `PlainSampler`).
        batch_size: Entries of a batch, in each process; even, since it counts both halves.
        drop_last: Leave out the samples that do not fill a new half.
        seed: Seed of the order, if `sampler` is a number.
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
    lag: int = 1

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        past = self._halves_before(epoch)
        for new in self._new(epoch):
            last = past.pop(0) if len(past) == self.lag else np.empty(0, dtype=np.int64)
            past.append(new)
            self._past = list(past)
            yield Entries(np.concatenate([last, new]), slice(len(last), len(last) + len(new)))

    def _halves_before(self, epoch: int) -> list[NDArray[np.int64]]:
        """The last `lag` new halves before an epoch, fewer at the very start."""
        if not hasattr(self.sampler, "set_epoch"):
            return list(self._past)
        past: list[NDArray[np.int64]] = []
        while len(past) < self.lag and epoch > 0:
            epoch -= 1
            past = self._new(epoch) + past
        return past[-self.lag :]


class DelayedSampler(LastBatchSampler):
    """[the new half of `lag` batches ago, a new half].

    Args:
        sampler: The number of samples N, or any sampler of ids (see `PlainSampler`).
        batch_size: Entries of a batch, in each process; even, since it counts both halves.
        drop_last: Leave out the samples that do not fill a new half.
        lag: A half is repeated this many batches later; the first `lag` batches of all have nothing to repeat.
        **options: seed, num_replicas and rank (see `PlainSampler`).

    Example:
        >>> from noisylab.data import DelayedSampler
        >>> first, second, third = DelayedSampler(6, batch_size=4, lag=2)
        >>> len(second), third[:2] == first
        (2, True)
    """

    @checked
    def __init__(
        self,
        sampler: int | Iterable[int],
        batch_size: PositiveInt,
        drop_last: bool = False,
        *,
        lag: PositiveInt,
        **options: Any,
    ) -> None:
        super().__init__(sampler, batch_size, drop_last, **options)
        self.lag = lag


class TwinSampler(PlainSampler):
    """[new, the same again]: two views of every sample in one batch (DDGSD, JoCoR).

    Args:
        sampler: The number of samples N, or any sampler of ids (see `PlainSampler`).
        batch_size: Entries of a batch, in each process; even, since it counts both views.
        drop_last: Leave out the samples that do not fill a half.
        seed: Seed of the order, if `sampler` is a number.
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

    The partner is another sample of the same epoch, drawn uniformly; a sample alone in its class is its own partner.

    Args:
        sampler: The number of samples N, or any sampler of ids (see `PlainSampler`).
        batch_size: Entries of a batch, in each process; even, since it counts the partners.
        drop_last: Leave out the samples that do not fill a half.
        labels: int[N], the given label of every id.
        seed: Seed of the partners and, if `sampler` is a number, of the order.
        num_replicas: Number of processes that train together (see `PlainSampler`).
        rank: This process.

    Raises:
        ValueError: For bad arguments, or fewer labels than samples.

    Example:
        >>> from noisylab.data import SameClassSampler
        >>> first, second = SameClassSampler(4, batch_size=4, labels=[0, 0, 1, 1])
        >>> [place // 2 for place in first[:2]] == [place // 2 for place in first[2:]]
        True
    """

    presentations = 2

    def __init__(
        self, sampler: int | Iterable[int], batch_size: int, drop_last: bool = False, *, labels: ArrayLike, **options: Any
    ) -> None:
        super().__init__(sampler, batch_size, drop_last, **options)
        self.labels = np.asarray(labels)
        if self.labels.ndim != 1 or len(self.labels) < len(self.sampler):
            raise ValueError(
                f"labels must hold one label for each of the {len(self.sampler)} samples, got shape {self.labels.shape}"
            )

    def batches(self, epoch: int) -> Iterator[Entries]:
        """The batches of an epoch."""
        halves = self._new(epoch)
        everyone = isinstance(self.sampler, ShuffledIds)
        pool = np.arange(len(self.sampler)) if everyone else np.unique(np.concatenate(halves))
        partners = self._partners(epoch, pool)
        for new in halves:
            yield Entries(np.concatenate([new, partners[np.searchsorted(pool, new)]]), slice(0, len(new)))

    def _partners(self, epoch: int, pool: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each id of a sorted pool, another one with the same label."""
        labels = self.labels[pool]
        grouped = np.argsort(labels, kind="stable")
        _, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        start, size = (np.cumsum(sizes) - sizes)[group], sizes[group]
        place = np.empty(len(pool), dtype=np.int64)
        place[grouped] = np.arange(len(pool))
        rng = np.random.default_rng(derive_seed(self.seed, "partners", epoch))
        ahead = 1 + np.floor(rng.random(len(pool)) * (size - 1)).astype(np.int64)
        return pool[grouped[start + (place - start + ahead) % size]]


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
    options: dict[str, Any] = {"seed": seed, "num_replicas": num_replicas, "rank": rank}
    if isinstance(composition, Delayed):
        return DelayedSampler(len(given_labels), batch_size, lag=composition.lag, **options)
    if composition == "same_class":
        options["labels"] = given_labels
    return SAMPLERS[composition](len(given_labels), batch_size, **options)


def _count(number: int) -> int:
    check_value("the number of samples", number, PositiveInt)
    return int(number)


def _with_length(sampler: Iterable[int]) -> Any:
    if not (hasattr(sampler, "__len__") and hasattr(sampler, "__iter__")):
        raise ValueError(
            f"sampler must be a number of samples, or a sampler of ids with a length, got {type(sampler).__name__}; "
            f"{_OF_A_DATA_SET}, and a stream cannot be shown in another order"
        )
    return sampler


def _replica(sampler: Any, num_replicas: int | None, rank: int | None) -> tuple[int, int]:
    """How many processes share the ids of a sampler, and which one this is."""
    if hasattr(sampler, "num_replicas"):
        if num_replicas is not None:
            raise ValueError(f"{type(sampler).__name__} shares its samples among processes already; leave num_replicas out")
        return 1, 0
    count = processes() if num_replicas is None else num_replicas
    place = own_rank() if rank is None else rank
    if place >= count:
        raise ValueError(f"rank must be below num_replicas = {count}, got {place}")
    if count > 1 and getattr(sampler, "generator", count) is None:
        raise ValueError(
            f"{type(sampler).__name__} draws another order in each of {count} processes; give it "
            "generator=torch.Generator().manual_seed(0), the same in every process, or use the number of samples instead"
        )
    return count, place
