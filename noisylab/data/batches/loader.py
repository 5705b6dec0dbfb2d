"""The batches of an epoch: chosen, gathered, augmented and normalised on the training device."""

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
from noisylab.data.batches.samplers import Entries, PlainSampler
from noisylab.data.streaming import Images


@dataclass(frozen=True)
class TrainingSet:
    """Training images with given labels, and without true labels.

    Attributes:
        images: uint8[N, C, H, W].
        labels: int64[N], the given labels.
        mean: Per channel, of pixels in [0, 1].
        std: Per channel, of pixels in [0, 1].
        augmentation: Such as `Crop(padding=4)`.

    Example:
        >>> import numpy as np
        >>> from noisylab.data import TrainingSet
        >>> from noisylab.data.augmentations.crop import Crop
        >>> images = TrainingSet(np.zeros((4, 1, 8, 8), np.uint8), np.arange(4) % 2, (0.5,), (0.25,), Crop(padding=1))
    """

    images: Images
    given_labels: NDArray[np.int64]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation


class BatchLoader:
    """The batches of a training set, on the device. Order and augmentation are functions of seed and epoch.

    With the sampler of one of several processes, the batches are that process's shares.
    """

    def __init__(self, data: TrainingSet, sampler: PlainSampler, seed: int, device: torch.device) -> None:
        self.sampler, self.seed, self.device = sampler, seed, device
        self._images = on_device(data.images, device)
        self.given_labels = torch.from_numpy(np.array(data.given_labels)).to(device)
        self._augmentation, self._normalise = data.augmentation, Normalise(data.mean, data.std, device)
        self._mixing = data.augmentation if isinstance(data.augmentation, Mixing) else None

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self.sampler)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, in order."""
        chosen = list(self.sampler.batches(epoch))
        ids = [entries.ids for entries in chosen]
        on_device = self._split(np.concatenate(ids), chosen)
        pixels = augmented(self._images, ids, self._augmentation, self._drawn(chosen, epoch), self.device)
        if self._mixing is not None:
            mixed = mixed_entries(self._mixing, self.sampler, chosen, self.seed, epoch)
            partners = self._split(np.concatenate([entries.partner for entries in mixed]), chosen)
            mix_drawn = self._split(np.concatenate([entries.drawn for entries in mixed]).astype(np.float32), chosen)
        for step, (entries, inputs) in enumerate(zip(chosen, map(self._normalise, pixels), strict=True)):
            labels, mix = self.given_labels.index_select(0, on_device[step]), None
            if self._mixing is not None:
                # Partners are in the same batch, with the same augmentation.
                others = inputs.index_select(0, partners[step])
                inputs, share = self._mixing.mix(inputs, others, mix_drawn[step])
                mix = Mix(labels.index_select(0, partners[step]), share)
            yield Batch(inputs.contiguous(memory_format=torch.channels_last), labels, on_device[step], entries.new, mix)

    def _drawn(self, chosen: list[Entries], epoch: int) -> list[Tensor]:
        """The augmentation's rows for the entries of each batch.

        They are drawn for the entries of all processes, so that the number of processes does not change an entry.
        """
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", epoch))
        sizes, processes = [len(entries.ids) for entries in chosen], self.sampler.num_replicas
        drawn = self._augmentation.draw(sum(sizes) * processes, generator)
        # Entry j of each process comes before entry j + 1 of any.
        return list(torch.split(drawn[self.sampler.rank :: processes], sizes))

    def _split(self, rows: NDArray[Any], chosen: list[Entries]) -> tuple[Tensor, ...]:
        """Split rows of the epoch by batch. They go to the device at once, so that no step waits for a transfer."""
        return torch.split(torch.from_numpy(rows).to(self.device), [len(entries.ids) for entries in chosen])
