"""Batch samplers in other people's loops: torch's convention, any sampler of ids, epochs that are left early."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from noisylab.data import DelayedSampler, LastBatchSampler, PlainSampler, SameClassSampler, ShuffledIds, TwinSampler

LABELS = np.arange(40) % 3

Make = Callable[..., PlainSampler]


def same_class(sampler: Any, batch_size: int, **options: Any) -> SameClassSampler:
    return SameClassSampler(sampler, batch_size, labels=LABELS, **options)


def delayed(sampler: Any, batch_size: int, **options: Any) -> DelayedSampler:
    return DelayedSampler(sampler, batch_size, lag=2, **options)


KINDS: list[Make] = [PlainSampler, LastBatchSampler, TwinSampler, same_class, delayed]


def whole(loader: Any) -> list[list[int]]:
    return [list(map(int, ids)) for ids in loader]


def sliced(loader: Any) -> list[list[int]]:
    return [list(map(int, ids)) for ids in itertools.islice(loader, len(loader))]


def counted(loader: Any) -> list[list[int]]:
    iterator = iter(loader)
    return [list(map(int, next(iterator))) for _ in range(len(loader))]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("epoch_of", [whole, sliced, counted])
@pytest.mark.parametrize("make", KINDS)
def test_an_epoch_is_over_when_its_last_batch_is_handed_out(make: Make, epoch_of: Callable[..., Any], workers: int) -> None:
    if workers and make is not LastBatchSampler:
        pytest.skip("one kind is enough for worker processes")
    expected = make(40, 12, seed=5)
    loader = DataLoader(range(40), batch_sampler=make(40, 12, seed=5), num_workers=workers)  # type: ignore[arg-type]
    for epoch in range(3):
        assert epoch_of(loader) == [entries.ids.tolist() for entries in expected.batches(epoch)]


def test_a_resumed_loop_gets_the_order_of_its_epoch_and_repeats_the_last_half_of_the_epoch_before() -> None:
    straight, resumed = LastBatchSampler(40, 12, seed=5), LastBatchSampler(40, 12, seed=5)
    epochs = [list(straight) for _ in range(4)]
    resumed.set_epoch(3)
    assert list(resumed) == epochs[3]
    resumed.sampler.set_epoch(2)  # as Lightning, Accelerate and transformers call it
    assert list(resumed) == epochs[2]
    assert resumed.epoch == 3


def new_halves(batches: list[list[int]], repeated: list[int]) -> Iterator[list[int]]:
    """The new half of each batch; every batch must begin with the new half of the one before."""
    for ids in batches:
        assert ids[: len(repeated)] == repeated
        repeated = ids[len(repeated) :]
        yield repeated


def samplers() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(3)
    return {
        "random": RandomSampler(range(20)),
        "weighted": WeightedRandomSampler([1.0] * 20, 20, generator=generator),
        "subset": SubsetRandomSampler([3, 5, 7, 11, 13, 17, 19, 2]),
        "sequential": SequentialSampler(range(20)),
        "a list": [4, 2, 9, 7, 1],
        "distributed": DistributedSampler(range(20), num_replicas=2, rank=1, seed=9),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("name", samplers())
def test_any_sampler_of_ids_gives_the_new_halves_and_each_is_repeated_in_the_next_batch(name: str) -> None:
    inner = samplers()[name]
    sampler = LastBatchSampler(inner, 6)
    assert isinstance(sampler, BatchSampler)
    assert sampler.sampler is inner
    last: list[int] = []
    orders = []
    for _ in range(3):
        batches = list(sampler)
        assert len(batches) == len(sampler)
        halves = list(new_halves(batches, last))
        last = halves[-1]
        orders.append(list(itertools.chain(*halves)))
        assert len(orders[-1]) == len(inner)
    allowed = set(inner)
    assert set(itertools.chain(*orders)) <= (allowed if name in ("subset", "a list") else set(range(20)))
    assert (orders[0] == orders[1]) == (name in ("sequential", "a list"))


def test_a_distributed_sampler_is_not_shared_again_and_the_two_processes_cover_the_data() -> None:
    shown: Counter[int] = Counter()
    for rank in range(2):
        sampler = LastBatchSampler(DistributedSampler(range(20), num_replicas=2, rank=rank), 6)  # type: ignore[arg-type]
        halves = list(new_halves(list(sampler), []))
        shown.update(itertools.chain(*halves))
    assert shown == Counter(range(20))
    with pytest.raises(ValueError, match="DistributedSampler shares its samples among processes already"):
        LastBatchSampler(DistributedSampler(range(20), num_replicas=2, rank=0), 6, num_replicas=2)  # type: ignore[arg-type]


def test_after_an_epoch_that_was_left_early_the_last_half_that_was_shown_is_repeated_if_orders_cannot_be_asked_for_again() -> (
    None
):
    sampler = LastBatchSampler(RandomSampler(range(20)), 6)
    first = list(itertools.islice(sampler, 3))[-1]
    assert next(iter(sampler))[:3] == first[3:]


def test_several_processes_share_a_sampler_that_gives_them_one_order() -> None:
    def weighted() -> WeightedRandomSampler:
        return WeightedRandomSampler([1.0] * 20, 20, replacement=False, generator=torch.Generator().manual_seed(0))

    shown = [
        list(itertools.chain(*new_halves(list(LastBatchSampler(weighted(), 4, num_replicas=2, rank=rank)), [])))
        for rank in range(2)
    ]
    assert sorted(shown[0] + shown[1]) == list(range(20))
    for kind in (RandomSampler(range(20)), SubsetRandomSampler(range(20)), WeightedRandomSampler([1.0] * 20, 20)):
        with pytest.raises(ValueError, match="draws another order in each of 2 processes; give it generator="):
            LastBatchSampler(kind, 4, num_replicas=2, rank=0)


def test_partners_come_from_the_samples_of_the_sampler_alone() -> None:
    training = [3, 5, 7, 11, 13, 17, 19, 2, 6, 9]
    sampler = same_class(SubsetRandomSampler(training), 8)
    for _ in range(3):
        for ids in sampler:
            new, partner = np.split(np.array(ids), 2)
            assert set(partner) <= set(training)
            assert (LABELS[new] == LABELS[partner]).all()


@pytest.mark.parametrize("make", KINDS)
def test_drop_last_leaves_out_what_does_not_fill_a_batch(make: Make) -> None:
    sampler = make(40, 12, drop_last=True)
    for _ in range(2):
        new = [entries.ids[entries.new] for entries in sampler.batches(0)]
        assert {len(half) for half in new} == {12 // sampler.presentations}
        assert len(new) == len(sampler) == 40 // (12 // sampler.presentations)


def test_a_sampler_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="sampler must be a number of samples, or a sampler of ids with a length"):
        LastBatchSampler(iter(range(3)), 4)
    with pytest.raises(ValueError, match="one label for each of the 40 samples"):
        SameClassSampler(40, 4, labels=[0, 1])


def test_the_order_of_ids_is_a_function_of_seed_and_epoch() -> None:
    ids = ShuffledIds(20, seed=4)
    first = list(ids)
    assert first == list(ids)
    ids.set_epoch(1)
    assert list(ids) != first
    assert sorted(ids) == list(range(20))


def test_a_sampler_that_was_made_before_the_process_group_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made_before, told = LastBatchSampler(40, 12), LastBatchSampler(40, 12, num_replicas=1)
    inside = LastBatchSampler(DistributedSampler(range(40), num_replicas=2, rank=0), 12)  # type: ignore[arg-type]
    monkeypatch.setattr("noisylab.data.batches.samplers.processes", lambda: 2)
    with pytest.raises(ValueError, match=r"LastBatchSampler was made before the process group of 2 .* in train_dataloader"):
        list(made_before)
    assert list(told)
    assert list(inside)
    assert list(LastBatchSampler(40, 12))


@pytest.mark.parametrize("rows", [[("image", 0), ("image", 1)], ["a", "b"], [torch.zeros(2), torch.ones(2)]])
def test_a_data_set_in_place_of_a_sampler_is_told_what_to_pass(rows: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"sampler must hand out ids.*; for a data set, pass len\(dataset\)$"):
        list(LastBatchSampler(rows, 4))


def test_a_stream_in_place_of_a_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got generator; for a data set, pass len\(dataset\), and a stream cannot be shown"):
        LastBatchSampler((number for number in range(10)), 4)
