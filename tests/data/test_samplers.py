"""Which samples stand in a batch."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from noisylab.corruption import CorruptedDataset, symmetric
from noisylab.data import LastBatchSampler, PlainSampler, SameClassSampler, TwinSampler
from noisylab.data.batches.composition import Delayed, presentations_of
from noisylab.data.batches.samplers import SAMPLERS, make_sampler

sizes = st.integers(1, 60)
batch_sizes = st.integers(1, 16).map(lambda half: 2 * half)
seeds = st.integers(0, 2**40)


@given(sizes, batch_sizes, seeds)
def test_every_batch_begins_with_the_new_half_of_the_one_before_also_over_epochs(n: int, batch_size: int, seed: int) -> None:
    sampler = LastBatchSampler(n, batch_size, seed=seed)
    new: list[int] = []
    for epoch in range(3):
        batches = list(sampler.batches(epoch))
        assert len(batches) == len(sampler)
        for ids, part in batches:
            assert ids[: part.start].tolist() == new
            assert len(ids) <= batch_size
            new = ids[part].tolist()
            assert part.stop == len(ids)


@given(sizes, batch_sizes, seeds)
def test_each_sample_is_once_new_and_once_repeated(n: int, batch_size: int, seed: int) -> None:
    sampler = LastBatchSampler(n, batch_size, seed=seed)
    repeated: Counter[int] = Counter()
    for epoch in range(3):
        batches = list(sampler.batches(epoch))
        assert sorted(np.concatenate([ids[new] for ids, new in batches])) == list(range(n))
        for ids, new in batches:
            repeated.update(ids[: new.start].tolist())
    # All but the very last half, which the next epoch would repeat.
    repeated.update(ids[new].tolist())
    assert repeated == Counter(dict.fromkeys(range(n), 3))


@given(sizes, batch_sizes, seeds, st.integers(1, 9))
def test_a_lag_repeats_the_new_half_of_so_many_batches_before_also_over_epochs(n: int, size: int, seed: int, lag: int) -> None:
    sampler = make_sampler(Delayed(lag), np.zeros(n, dtype=np.int64), size, seed)
    new: list[list[int]] = []
    for epoch in range(4):
        for ids, part in sampler.batches(epoch):
            assert ids[: part.start].tolist() == (new[-lag] if len(new) >= lag else [])
            new.append(ids[part].tolist())
    plain = [ids.tolist() for epoch in range(4) for ids, _ in PlainSampler(n, size // 2, seed=seed).batches(epoch)]
    assert new == plain


@given(sizes, batch_sizes, seeds)
def test_plain_and_last_batches_show_new_samples_in_the_same_order(n: int, batch_size: int, seed: int) -> None:
    plain = np.concatenate([ids for ids, _ in PlainSampler(n, batch_size, seed=seed).batches(4)])
    last = np.concatenate([ids[new] for ids, new in LastBatchSampler(n, batch_size, seed=seed).batches(4)])
    assert plain.tolist() == last.tolist()


@given(sizes, batch_sizes, seeds)
def test_twins_are_the_same_samples_again(n: int, batch_size: int, seed: int) -> None:
    for ids, new in TwinSampler(n, batch_size, seed=seed).batches(1):
        assert ids[new].tolist() == ids[new.stop :].tolist()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), batch_sizes, seeds)
def test_partners_have_the_same_given_label_and_are_others_where_there_are_any(
    labels: list[int], batch_size: int, seed: int
) -> None:
    given_labels = np.array(labels)
    for ids, new in SameClassSampler(len(labels), batch_size, labels=given_labels, seed=seed).batches(2):
        own, partner = ids[new], ids[new.stop :]
        assert (given_labels[own] == given_labels[partner]).all()
        alone = np.bincount(given_labels)[given_labels[own]] == 1
        assert ((own == partner) == alone).all()


def test_partners_are_drawn_uniformly_and_anew_every_epoch() -> None:
    sampler = SameClassSampler(5, 10, labels=np.zeros(5, dtype=int))
    counts = np.zeros((5, 5))
    for epoch in range(2000):
        for ids, new in sampler.batches(epoch):
            np.add.at(counts, (ids[new], ids[new.stop :]), 1)
    others = counts[~np.eye(5, dtype=bool)]
    assert others.min() > 420
    assert others.max() < 580


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gives_the_batches_and_goes_on_with_the_next_epoch(workers: int) -> None:
    labels = np.arange(21) % 3
    dataset = CorruptedDataset([(float(i), int(label)) for i, label in enumerate(labels)], symmetric(labels, 0.4))
    sampler = LastBatchSampler(21, 8, seed=3)
    loader = DataLoader(dataset, batch_sampler=sampler, num_workers=workers)
    expected = LastBatchSampler(21, 8, seed=3)
    for epoch in range(2):
        ids = [index.tolist() for _, _, index in loader]
        assert ids == [entries.ids.tolist() for entries in expected.batches(epoch)]
    sampler.set_epoch(0)
    assert [index.tolist() for _, _, index in loader] == [entries.ids.tolist() for entries in expected.batches(0)]


def test_an_epoch_that_is_left_early_is_over() -> None:
    sampler, expected = LastBatchSampler(20, 4), LastBatchSampler(20, 4)
    next(iter(sampler))
    assert list(sampler) == [entries.ids.tolist() for entries in expected.batches(1)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((10, 5), "even: it counts both"),
        ((0, 4), "the number of samples must be a number >= 1, got 0"),
        ((10, 0), "batch_size"),
        ((10, 4, 3), "drop_last must be True or False, got 3"),
    ],
)
def test_impossible_sizes_are_named(arguments: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LastBatchSampler(*arguments)
    with pytest.raises(ValueError, match="seed must be"):
        LastBatchSampler(10, 4, seed=-1)


@pytest.mark.parametrize("kind", [PlainSampler, LastBatchSampler, TwinSampler])
def test_no_sample_is_left_alone_in_a_batch(kind: type[PlainSampler]) -> None:
    sampler = kind(65, 64 if kind is PlainSampler else 32)
    new = [len(entries.ids[entries.new]) for entries in sampler.batches(0)]
    assert new[-2:] == ([63, 2] if kind is PlainSampler else [15, 2])
    assert sum(new) == 65
    assert len(new) == len(sampler)


def replicas(kind: type[PlainSampler], n: int, batch_size: int, count: int, seed: int = 3) -> list[PlainSampler]:
    """The samplers of so many processes."""
    options = {"labels": np.arange(n) % 5} if kind is SameClassSampler else {}
    return [kind(n, batch_size, seed=seed, num_replicas=count, rank=rank, **options) for rank in range(count)]


def test_compositions_know_the_presentations_of_their_samplers() -> None:
    assert {name: presentations_of(name) for name in SAMPLERS} == {  # type: ignore[arg-type]
        name: kind.presentations for name, kind in SAMPLERS.items()
    }
    assert presentations_of(Delayed(3)) == 2


KINDS = [PlainSampler, LastBatchSampler, TwinSampler, SameClassSampler]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_processes_have_equal_shares_of_every_batch_and_nearly_all_samples(kind: type[PlainSampler], count: int) -> None:
    samplers, left_out = replicas(kind, 101, 8, count), []
    for epoch in range(4):
        new: list[int] = []
        for parts in zip(*(sampler.batches(epoch) for sampler in samplers), strict=True):
            assert len({(len(entries.ids), entries.new.start, entries.new.stop) for entries in parts}) == 1
            assert min(len(entries.ids[entries.new]) for entries in parts) >= 2
            new += [int(i) for entries in parts for i in entries.ids[entries.new]]
        assert len(set(new)) == len(new) == 101 - 101 % count
        left_out.append(tuple(sorted(set(range(101)) - set(new))))
    assert len(set(left_out)) > 1, "others in each epoch"
    assert all(len(sampler) == len(list(sampler)) for sampler in samplers)


@pytest.mark.parametrize("kind", KINDS)
def test_if_samples_can_be_shared_evenly_processes_have_the_batches_of_one(kind: type[PlainSampler]) -> None:
    one = replicas(kind, 96, 24, 1)[0]
    for epoch in range(2):
        shares = (sampler.batches(epoch) for sampler in replicas(kind, 96, 8, 3))
        for whole, *parts in zip(one.batches(epoch), *shares, strict=True):
            assert whole.ids.tolist() == np.stack([entries.ids for entries in parts], axis=1).ravel().tolist()
            assert whole.new.start == 3 * parts[0].new.start


def test_each_process_repeats_its_own_last_half() -> None:
    for sampler in replicas(LastBatchSampler, 100, 8, 3):
        last: list[int] = []
        for epoch in range(2):
            for ids, new in sampler.batches(epoch):
                assert ids[: new.start].tolist() == last
                last = ids[new].tolist()


@pytest.mark.parametrize(
    ("replica", "said"),
    [
        ((2, 2), "rank must be below num_replicas = 2, got 2"),
        ((6, 0), "must be 2 samples for each of 6 processes, got 10"),
        ((0, 0), "num_replicas"),
    ],
)
def test_impossible_replicas_are_refused(replica: tuple[int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LastBatchSampler(10, 4, num_replicas=replica[0], rank=replica[1])


def test_compositions_are_known_without_torch() -> None:
    code = "import sys; from noisylab.data.batches.composition import Composition; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
