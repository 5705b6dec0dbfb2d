"""The split of noisy labels into the part to train on and a held-out part, by which epochs and settings are chosen."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from noisylab.core.seeds import derive_seed
from noisylab.corruption import NoisyLabels
from noisylab.corruption.record import PER_SAMPLE


def split(noisy: NoisyLabels, share: float, seed: int) -> tuple[NoisyLabels, NoisyLabels]:
    """The training part and the held-out part of a record, stratified by given label; both keep the samples' positions.

    share: of the samples that are held out: as near to it in every class as whole samples allow. seed: that of the noise. Runs
    on the same labels then have the same split, teachers and all seeds of their students included.
    Raises ValueError if a part is empty.
    """
    size = round(share * len(noisy))
    if not 0 < size < len(noisy):
        raise ValueError(
            f"validation={share:g} holds out {size} of {len(noisy)} samples; choose a share between {1 / len(noisy):.2g} and "
            f"{1 - 1 / len(noisy):.4g}, or 0 to hold out none"
        )
    rng = np.random.default_rng(derive_seed(seed, "validation"))
    order = rng.permutation(len(noisy))
    order = order[np.argsort(noisy.given[order], kind="stable")]
    # Evenly spread over the classes, one after the other.
    chosen = np.sort(order[((np.arange(size) + rng.random()) * (len(noisy) / size)).astype(np.int64)])
    return _part(noisy, np.delete(np.arange(len(noisy)), chosen)), _part(noisy, chosen)


def training_part(noisy: NoisyLabels, share: float, seed: int) -> NoisyLabels:
    """The samples that a run trains on: all of them, or those that `split` does not hold out."""
    return split(noisy, share, seed)[0] if share else noisy


def _part(noisy: NoisyLabels, chosen: NDArray[np.int64]) -> NoisyLabels:
    kept = {name: held[chosen] for name in PER_SAMPLE if (held := getattr(noisy, name)) is not None}
    return dataclasses.replace(noisy, **{"positions": chosen, **kept})
