"""The batches of an epoch: chosen, gathered, augmented and normalised on the training device."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
from noisylab.data.streaming import Images, StreamedImages

# The numbers of the images that are augmented in one go, unless a batch has more: they stay in the caches.
BLOCK = 2**18
# A multiple of the numbers that a processor computes at once.
ALIGNED = 16


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

    With the sampler of one of several processes, the batches are that process's shares. like: a loader whose images on the
    device are used, if they are the same.
    """

    def __init__(
        self, data: TrainingSet, sampler: PlainSampler, seed: int, device: torch.device, like: "BatchLoader | None" = None
    ) -> None:
        self.data, self.sampler, self.seed, self.device = data, sampler, seed, device
        self._images: Tensor | StreamedImages = (
            like._images if like is not None and like.data.images is data.images else on_device(data.images, device)
        )
        self.given_labels = torch.from_numpy(np.array(data.given_labels)).to(device)
        self._normalise = Normalise(data.mean, data.std, device)
        self._mixing = data.augmentation if isinstance(data.augmentation, Mixing) else None

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self.sampler)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, in order."""
        for (batch,) in together([self], epoch):
            yield batch

    def entries(self, epoch: int) -> "_Epoch":
        """What an epoch is made of, before any image is read."""
        chosen = list(self.sampler.batches(epoch))
        index = torch.from_numpy(np.concatenate([entries.ids for entries in chosen])).to(self.device)
        labels, mixes = self.given_labels.index_select(0, index), None
        if self._mixing is not None:
            mixed = mixed_entries(self._mixing, self.sampler, chosen, self.seed, epoch)
            # Partners are in the same batch, with the same augmentation.
            partners = self._split(np.concatenate([entries.partner for entries in mixed]), chosen)
            shares = self._split(np.concatenate([entries.drawn for entries in mixed]).astype(np.float32), chosen)
            mixes = list(zip(partners, shares, strict=True))
        sizes = [len(entries.ids) for entries in chosen]
        return _Epoch(chosen, self._drawn(chosen, epoch), torch.split(index, sizes), torch.split(labels, sizes), mixes)

    def batch(self, held: "_Epoch", step: int, inputs: Tensor) -> Batch:
        """The batch of one step from its augmented and normalised images."""
        labels, mix = held.labels[step], None
        if self._mixing is not None and held.mixes is not None:
            partner, share = held.mixes[step]
            inputs, own = self._mixing.mix(inputs, inputs.index_select(0, partner), share)
            mix = Mix(labels.index_select(0, partner), own)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        return Batch(inputs, labels, held.ids[step], held.chosen[step].new, mix)

    def _drawn(self, chosen: list[Entries], epoch: int) -> list[Tensor]:
        """The augmentation's rows for the entries of each batch.

        They are drawn for the entries of all processes, so that the number of processes does not change an entry.
        """
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", epoch))
        sizes, processes = [len(entries.ids) for entries in chosen], self.sampler.num_replicas
        drawn = self.data.augmentation.draw(sum(sizes) * processes, generator)
        # Entry j of each process comes before entry j + 1 of any.
        return list(torch.split(drawn[self.sampler.rank :: processes], sizes))

    def _split(self, rows: NDArray[Any], chosen: list[Entries]) -> tuple[Tensor, ...]:
        """Split rows of the epoch by batch. They go to the device at once, so that no step waits for a transfer."""
        return torch.split(torch.from_numpy(rows).to(self.device), [len(entries.ids) for entries in chosen])


class _Epoch(NamedTuple):
    """An epoch of a loader, batch by batch: entries, rows of the augmentation, ids, given labels, and how images are mixed."""

    chosen: list[Entries]
    drawn: list[Tensor]
    ids: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]
    mixes: list[tuple[Tensor, Tensor]] | None


def together(loaders: Sequence[BatchLoader], epoch: int) -> Iterator[tuple[Batch, ...]]:
    """The batches of an epoch of several loaders, which have equally many of the same sizes: one batch of each at a time.

    Loaders of the same images with the same augmentation read, augment and normalise them in one go.
    """
    one = loaders[0]
    if any(
        other.data.images is not one.data.images
        or other.data.augmentation is not one.data.augmentation
        or (other.data.mean, other.data.std) != (one.data.mean, one.data.std)
        for other in loaders
    ):
        yield from zip(*(loader.batches(epoch) for loader in loaders), strict=True)
        return
    epochs = [loader.entries(epoch) for loader in loaders]
    ids = [np.concatenate([each.ids for each in step]) for step in zip(*(held.chosen for held in epochs), strict=True)]
    drawn = [part for step in zip(*(held.drawn for held in epochs), strict=True) for part in step]
    blocks = _blocks([len(each) for each in ids], one._images)
    rows = torch.split(torch.cat(drawn), [sum(len(ids[step]) for step in block) for block in blocks])
    pixels = augmented(
        one._images,
        [np.concatenate([ids[step] for step in block]) for block in blocks],
        one.data.augmentation,
        rows,
        one.device,
    )
    for block, inputs in zip(blocks, map(one._normalise, pixels), strict=True):
        if len(block) > 1 or len(loaders) > 1:
            # Before they are split, so that it is done once.
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        sizes = [len(held.chosen[step].ids) for step in block for held in epochs]
        parts = iter(torch.split(inputs, sizes))
        for step in block:
            yield tuple(loader.batch(held, step, next(parts)) for loader, held in zip(loaders, epochs, strict=True))


def _blocks(sizes: Sequence[int], images: Tensor | StreamedImages) -> list[range]:
    """The steps whose images are gathered, augmented and normalised in one go, because single batches are small.

    sizes: the images of every step.
    """
    numbers = math.prod(images.shape[1:])
    # Batches begin where the vectors of processors do, so that what is computed from one does not depend on its place.
    several = isinstance(images, Tensor) and numbers % ALIGNED == 0
    found = [range(0)]
    for step, size in enumerate(sizes):
        start = found[-1].start
        if several and sum(sizes[start:step]) + size <= BLOCK // numbers:
            found[-1] = range(start, step + 1)
        else:
            found.append(range(step, step + 1))
    return [block for block in found if block]
