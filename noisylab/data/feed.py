"""From the training set to the batches of an epoch: chosen, gathered, augmented and normalised on the training device."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.data.augment import Augmentation, Normalise
from noisylab.data.batch import Batch, Mix
from noisylab.data.mixing import Mixing, mixed_entries
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
        self._mixing = data.augmentation if isinstance(data.augmentation, Mixing) else None

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.sampler)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, in turn."""
        sampler, chosen = self.sampler, list(self.sampler.batches(epoch))
        wholes = [sampler.whole(entries) for entries in chosen]
        shares = [whole.share(sampler.rank) for whole in wholes]
        starts = np.cumsum([0, *(whole.entries for whole in wholes)])
        mine = np.concatenate([start + share for start, share in zip(starts, shares, strict=False)])
        all_ids = np.concatenate([entries.ids for entries in chosen])
        # Drawn for the entries of all processes, so that their number does not change what an entry looks like.
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", epoch))
        all_drawn = self._augmentation.draw(len(all_ids), generator)

        def presented(entries: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
            # All ids and draws of the epoch go to the device at once, so that no step waits for it.
            chosen = torch.from_numpy(all_ids[entries]).to(self.device)
            return chosen, all_drawn[torch.from_numpy(entries)].to(self.device)

        ids, drawn = presented(mine)
        if self._mixing is not None:
            mixed = mixed_entries(self._mixing, sampler, wholes, self.seed, epoch)
            partner_ids, partner_drawn = presented(mixed.partner[mine])
            mix_drawn = torch.from_numpy(mixed.drawn[mine]).to(self.device, torch.float32)
        stop = 0
        for whole, share in zip(wholes, shares, strict=True):
            step = slice(stop, stop := stop + len(share))
            inputs, mix = self._inputs(ids[step], drawn[step]), None
            if self._mixing is not None:
                partners = self._inputs(partner_ids[step], partner_drawn[step])
                inputs, share_of_first = self._mixing.mix(inputs, partners, mix_drawn[step])
                mix = Mix(self._labels.index_select(0, partner_ids[step]), share_of_first)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            labels = self._labels.index_select(0, ids[step])
            new, shared = whole.new_of(sampler.rank), whole if whole.processes > 1 else None
            yield Batch(inputs, labels, ids[step], new, mix, shared)

    def _inputs(self, ids: Tensor, drawn: Tensor) -> Tensor:
        """float32[B, C, H, W] of these samples, augmented and normalised."""
        return self._normalise(self._augmentation(self._images.index_select(0, ids), drawn))
