"""From the training set to the batches of an epoch: chosen, gathered, augmented and normalised on the training device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.core.seeds import derive_seed
from noisylab.data.augmentations.crop import Augmentation, Normalise
from noisylab.data.augmentations.mixing import Mixing
from noisylab.data.batches.batch import Batch, Mix
from noisylab.data.batches.image_source import augmented, on_device
from noisylab.data.batches.mixed_entries import mixed_entries
from noisylab.data.batches.samplers import PlainSampler
from noisylab.data.streaming import Images


@dataclass(frozen=True)
class TrainingSet:
    """Images uint8[N, C, H, W] with given labels int64[N]; no true labels. mean, std: per channel, of pixels in [0, 1]."""

    images: Images
    given_labels: NDArray[np.int64]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation


class BatchLoader:
    """The batches of a training set, on the device; order and augmentation are functions of seed and epoch.

    Where the sampler is one of several processes, the batches are its shares of those that one process would have.
    """

    def __init__(self, data: TrainingSet, sampler: PlainSampler, seed: int, device: torch.device) -> None:
        self.sampler, self.seed, self.device = sampler, seed, device
        self._images = on_device(data.images, device)
        self._given = np.array(data.given_labels)
        self._labels = torch.from_numpy(self._given).to(device)
        self._augmentation, self._normalise = data.augmentation, Normalise(data.mean, data.std, device)
        self._mixing = data.augmentation if isinstance(data.augmentation, Mixing) else None

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.sampler)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, in turn."""
        sampler, chosen = self.sampler, list(self.sampler.batches(epoch))
        wholes = [sampler.whole(entries) for entries in chosen]
        starts = np.cumsum([0, *(whole.entries for whole in wholes)])
        # Of every batch, which entries of the epoch are this process's.
        mine = [start + whole.share(sampler.rank) for start, whole in zip(starts, wholes, strict=False)]
        all_ids = np.concatenate([entries.ids for entries in chosen])
        # Drawn for the entries of all processes, so that their number does not change what an entry looks like.
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", epoch))
        all_drawn = self._augmentation.draw(len(all_ids), generator)
        ids, images = self._presented(mine, all_ids, all_drawn)
        if self._mixing is not None:
            mixed = mixed_entries(self._mixing, sampler, wholes, self.seed, epoch)
            partners = [mixed.partner[own] for own in mine]
            partner_labels = self._split(self._given[all_ids[np.concatenate(partners)]], mine)
            if sampler.processes == 1:
                # They stand in the same batch, augmented alike.
                places = self._split(np.concatenate(partners) - np.repeat(starts[:-1], [len(own) for own in mine]), mine)
            else:
                _, partner_images = self._presented(partners, all_ids, all_drawn)
            mix_drawn = self._split(mixed.drawn[np.concatenate(mine)].astype(np.float32), mine)
        for step, (whole, inputs) in enumerate(zip(wholes, images, strict=True)):
            mix = None
            if self._mixing is not None:
                others = inputs.index_select(0, places[step]) if sampler.processes == 1 else next(partner_images)
                inputs, share = self._mixing.mix(inputs, others, mix_drawn[step])
                mix = Mix(partner_labels[step], share)
            yield Batch(
                inputs.contiguous(memory_format=torch.channels_last),
                self._labels.index_select(0, ids[step]),
                ids[step],
                whole.new_of(sampler.rank),
                mix,
                whole if whole.processes > 1 else None,
                whole.repeated_weight(sampler.rank),
            )

    def _presented(
        self, entries: list[NDArray[np.int64]], all_ids: NDArray[np.int64], all_drawn: Tensor
    ) -> tuple[tuple[Tensor, ...], Iterator[Tensor]]:
        """Of each batch, the ids int64[B] of these entries on the device; and the normalised images float32[B, C, H, W]."""
        ids, drawn = [all_ids[own] for own in entries], [all_drawn[torch.from_numpy(own)] for own in entries]
        images = augmented(self._images, ids, self._augmentation, drawn, self.device)
        return self._split(np.concatenate(ids), entries), (self._normalise(pixels) for pixels in images)

    def _split(self, rows: NDArray[Any], entries: list[NDArray[np.int64]]) -> tuple[Tensor, ...]:
        """Rows of the epoch by batch. They go to the device at once, so that no step waits for it."""
        return torch.split(torch.from_numpy(rows).to(self.device), [len(own) for own in entries])
