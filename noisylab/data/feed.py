"""From the training set to the batches of an epoch: chosen, gathered, augmented and normalised on the training device."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from noisylab.data.augment import Augmentation, Normalise
from noisylab.data.batch import Batch
from noisylab.data.samplers import PlainSampler
from noisylab.seeds import derive_seed


@dataclass(frozen=True)
class TrainingSet:
    """Images uint8[N, C, H, W] with given labels int64[N]; no true labels. mean, std: per channel, of pixels in [0, 1]."""

    images: NDArray[np.uint8]
    given_labels: NDArray[np.int64]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation


class Feed:
    """The batches of a training set that is kept on the device; order and augmentation are functions of seed and epoch.

    Where the sampler is one of several processes, the batches are its shares of those that one process would have.
    """

    def __init__(self, data: TrainingSet, sampler: PlainSampler, seed: int, device: torch.device) -> None:
        self.sampler, self.seed, self.device = sampler, seed, device
        self._images = torch.from_numpy(data.images).to(device)
        self._labels = torch.from_numpy(np.array(data.given_labels)).to(device)
        self._augmentation, self._normalise = data.augmentation, Normalise(data.mean, data.std, device)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.sampler)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, in turn."""
        sampler, chosen = self.sampler, list(self.sampler.batches(epoch))
        wholes = [sampler.whole(entries) for entries in chosen]
        shares = [whole.share(sampler.rank) for whole in wholes]
        starts = np.cumsum([0, *(whole.entries for whole in wholes)])
        # All ids and draws of the epoch go to the device at once, so that no step waits for it.
        ids = np.concatenate([entries.ids[share] for entries, share in zip(chosen, shares, strict=True)])
        all_ids = torch.from_numpy(ids).to(self.device)
        # Drawn for the entries of all processes, so that their number does not change what an entry looks like.
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", epoch))
        drawn = self._augmentation.draw(int(starts[-1]), generator)
        mine = np.concatenate([start + share for start, share in zip(starts, shares, strict=False)])
        all_drawn = drawn[torch.from_numpy(mine)].to(self.device)
        stop = 0
        for whole, share in zip(wholes, shares, strict=True):
            start, stop = stop, stop + len(share)
            index = all_ids[start:stop]
            pixels = self._augmentation(self._images.index_select(0, index), all_drawn[start:stop])
            inputs = self._normalise(pixels).contiguous(memory_format=torch.channels_last)
            labels = self._labels.index_select(0, index)
            yield Batch(inputs, labels, index, whole.new_of(sampler.rank), whole if whole.processes > 1 else None)
