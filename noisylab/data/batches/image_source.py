"""The images of batch after batch, on the training device: from a tensor there, or from files that are read ahead."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from noisylab.core.system import available_cores
from noisylab.data.augmentations.crop import Augmentation
from noisylab.data.augmentations.resized_crop import RandomResizedCrop
from noisylab.data.image_files import UnreadableError
from noisylab.data.streaming import Images, StreamedImages

# More processes than this gain little.
MOST_WORKERS = 8


def on_device(images: Images, device: torch.device) -> Tensor | StreamedImages:
    """Images in memory as a tensor on the device; streamed images as they are."""
    return images if isinstance(images, StreamedImages) else torch.from_numpy(images).to(device)


def batches_of(images: Tensor | StreamedImages, ids: Sequence[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
    """uint8[B, C, H, W] on the device for the ids of each batch, without waiting for the device.

    images: as returned by `on_device`.
    """
    if isinstance(images, StreamedImages):
        yield from _loaded(_Files(images, None), [part.tolist() for part in ids], device)
        return
    together = torch.from_numpy(np.concatenate(ids)).to(device)
    for part in torch.split(together, [len(part) for part in ids]):
        yield images.index_select(0, part)


def augmented(
    images: Tensor | StreamedImages,
    ids: Sequence[NDArray[np.int64]],
    augmentation: Augmentation,
    drawn: Sequence[Tensor],
    device: torch.device,
) -> Iterator[Tensor]:
    """`batches_of`, augmented by the rows of the augmentation's `draw` for each batch.

    Augments whole batches on the device. Exception: RandomResizedCrop on streamed images runs in the reader, on the full-size
    image.
    """
    if isinstance(images, StreamedImages) and isinstance(augmentation, RandomResizedCrop):
        keys = [list(zip(part.tolist(), rows, strict=True)) for part, rows in zip(ids, drawn, strict=True)]
        yield from _loaded(_Files(images, augmentation), keys, device)
        return
    rows = torch.split(torch.cat(list(drawn)).to(device), [len(part) for part in ids])
    for pixels, own in zip(batches_of(images, ids, device), rows, strict=True):
        yield augmentation(pixels, own)


def all_in_order(images: Tensor | StreamedImages, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """All images, in batches of that size."""
    if isinstance(images, Tensor):
        yield from torch.split(images, batch_size)
    else:
        yield from batches_of(images, np.split(np.arange(len(images)), range(batch_size, len(images), batch_size)), device)


class _Files(Dataset[Tensor | UnreadableError]):
    """The images of a streamed set by position, or crops of them by position and row of `draw`."""

    def __init__(self, images: StreamedImages, cut: RandomResizedCrop | None) -> None:
        self.images, self.cut = images, cut

    def __getitem__(self, key: Any) -> Tensor | UnreadableError:
        try:
            if self.cut is None:
                return torch.from_numpy(self.images[key])
            index, drawn = key
            return self.cut.one(torch.from_numpy(self.images.as_it_is(index)), drawn, self.images.shape[2:])
        except UnreadableError as error:
            # If raised in the worker, it would arrive as the text of a traceback, and the workers would not end at once.
            return error


def _collated(items: list[Tensor | UnreadableError]) -> Tensor | UnreadableError:
    wrong = [item for item in items if isinstance(item, UnreadableError)]
    return wrong[0] if wrong else default_collate(items)


def _loaded(files: _Files, keys: list[list[Any]], device: torch.device) -> Iterator[Tensor]:
    workers = files.images.workers
    # The processes of torchrun share the cores of a machine.
    own_cores = max(1, available_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    workers = min(MOST_WORKERS, own_cores) if workers is None else workers
    loader = DataLoader(
        files,
        batch_sampler=keys,
        num_workers=workers,
        # A spawned process would spawn its workers too, and each would import torch again in every epoch.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        collate_fn=_collated,
        pin_memory=device.type == "cuda",
    )
    for batch in loader:
        if isinstance(batch, UnreadableError):
            raise batch
        yield batch.to(device, non_blocking=True)
