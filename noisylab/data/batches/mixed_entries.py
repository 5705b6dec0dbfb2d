"""How the entries of an epoch are mixed: partners and shares. A repeated half keeps those that it had when it was new."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from noisylab.core.seeds import derive_seed
from noisylab.data.augmentations.mixing import Mixing
from noisylab.data.batches.samplers import Entries, LastBatchSampler, PlainSampler


class MixedEntries(NamedTuple):
    """For every entry of a batch: its partner's place in the batch int64[B], and its row of `draw_mix` float64[B, M]."""

    partner: NDArray[np.int64]
    drawn: NDArray[np.float64]


def mixed_entries(mixing: Mixing, sampler: PlainSampler, batches: list[Entries], seed: int, epoch: int) -> list[MixedEntries]:
    """How the batches of an epoch are mixed, as a function of seed and epoch.

    Partners are drawn within a new half. A repeated half keeps its partners and shares, so that the soft targets that DLB
    remembers fit the images; its crops are new. The second view of a twin is mixed like the first.
    """
    # Each process mixes its own entries with shares of its own.
    seed = derive_seed(seed, f"process {sampler.rank}") if sampler.rank else seed
    sizes = [entries.new.stop - entries.new.start for entries in batches]
    own = _draw(mixing, sizes, seed, epoch)
    before = own if epoch == 0 else _draw(mixing, sizes, seed, epoch - 1)
    lag = sampler.lag if isinstance(sampler, LastBatchSampler) else 0
    mixed = []
    for step, entries in enumerate(batches):
        # The first repeated halves come from the epoch before.
        repeated = own[step - lag] if step >= lag else before[step - lag]
        parts = [repeated] * (entries.new.start > 0) + [own[step]] * (1 + (entries.new.stop < len(entries.ids)))
        starts = np.cumsum([0, *(len(part.partner) for part in parts)])
        partner = np.concatenate([start + part.partner for start, part in zip(starts, parts, strict=False)])
        mixed.append(MixedEntries(partner, np.concatenate([part.drawn for part in parts])))
    return mixed


def _draw(mixing: Mixing, sizes: list[int], seed: int, epoch: int) -> list[MixedEntries]:
    """For each new half of an epoch, the partners within it and the rows of `draw_mix`."""
    rng = np.random.default_rng(derive_seed(seed, "mix", epoch))
    drawn = mixing.draw_mix(sum(sizes), rng)
    stops = np.cumsum(sizes)
    return [MixedEntries(rng.permutation(size), drawn[stop - size : stop]) for size, stop in zip(sizes, stops, strict=True)]
