"""How the entries of an epoch are mixed: partners and shares, the same for a repeated half as when it was new."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from noisylab.core.seeds import derive_seed
from noisylab.data.augmentations.mixing import Mixing
from noisylab.data.batches.samplers import Entries, LastBatchSampler, PlainSampler


class MixedEntries(NamedTuple):
    """For every entry of a batch: where its partner stands in it, int64[B], and its row of `draw_mix`, float64[B, M]."""

    partner: NDArray[np.int64]
    drawn: NDArray[np.float64]


def mixed_entries(mixing: Mixing, sampler: PlainSampler, batches: list[Entries], seed: int, epoch: int) -> list[MixedEntries]:
    """How the batches of an epoch are mixed, a function of the seed and the epoch.

    Partners are drawn within a new half. A half that is repeated is mixed as it was when it was new, with the same partners
    and shares, so that the soft targets that DLB remembers of it are those of what is shown; its crops are new. The second view
    of a twin is mixed as the first.
    """
    # Each of several processes mixes its own entries, and draws its own shares.
    seed = derive_seed(seed, f"process {sampler.rank}") if sampler.rank else seed
    sizes = [entries.new.stop - entries.new.start for entries in batches]
    own = _draw(mixing, sizes, seed, epoch)
    before = own if epoch == 0 else _draw(mixing, sizes, seed, epoch - 1)
    lag = sampler.lag if isinstance(sampler, LastBatchSampler) else 0
    mixed = []
    for step, entries in enumerate(batches):
        # The first repeated halves are of the epoch before.
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
