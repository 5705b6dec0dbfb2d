"""Several processes that train one network together (torch.distributed): who am I, and what do the others have?

Where no process group has been joined there is one process, of rank 0, and nothing here does anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from noisylab.core.shares import Whole

Value = TypeVar("Value")

# The others wait while the main process evaluates and writes.
PATIENCE = timedelta(hours=1)


def processes() -> int:
    """How many there are."""
    return dist.get_world_size() if _joined() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if _joined() else 0


def is_main() -> bool:
    """Whether this is the process that reads, evaluates, and writes for all."""
    return rank() == 0


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Inside, this process is one of those that `torchrun` has started: over NCCL on CUDA, a device each, else over gloo.

    Raises ValueError where there are fewer devices than processes on this machine.
    """
    if device == "cuda":
        place = int(os.environ["LOCAL_RANK"])
        if place >= torch.cuda.device_count():
            raise ValueError(f"{place + 1} processes on this machine need as many devices, got {torch.cuda.device_count()}")
        torch.cuda.set_device(place)
        dist.init_process_group("nccl", timeout=PATIENCE, device_id=torch.device("cuda", place))
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def main_first() -> Iterator[None]:
    """The others go in when the main process has come out, so that one alone downloads what all of them read."""
    if processes() == 1:
        yield
        return
    if not is_main():
        dist.barrier()
    try:
        yield
    finally:
        if is_main():
            dist.barrier()


def from_main(value: Value) -> Value:
    """The main process's value, in every process; it has to be picklable."""
    if processes() == 1:
        return value
    held = [value]
    dist.broadcast_object_list(held, src=0)
    return held[0]


def to_main(value: Value) -> list[Value]:
    """Every process's value, in the order of ranks, in the main process; in the others an empty list."""
    if processes() == 1:
        return [value]
    held: list[Value] | None = [value] * processes() if is_main() else None
    dist.gather_object(value, held, dst=0)
    return held or []


def gathered(rows: Tensor, whole: Whole | None) -> Tensor:
    """The rows [B, ...] of the whole batch, in its order, from the rows of each process's share; no gradient passes.

    Nothing waits for the device. whole: `Batch.whole`; None: the rows are all there are.
    """
    if whole is None:
        return rows
    # Shares differ by an entry or two, and what is gathered has to be equally long.
    longest = len(whole.share(0))
    padded = rows.new_zeros(longest, *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    parts = [torch.empty_like(padded) for _ in range(whole.processes)]
    dist.all_gather(parts, padded)
    return torch.cat(parts).index_select(0, _order(whole, rows.device))


def averaged(values: Tensor) -> Tensor:
    """The mean over processes."""
    if processes() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / processes()


@lru_cache(maxsize=16)
def _order(whole: Whole, device: torch.device) -> Tensor:
    """Where each entry of a batch stands when the shares stand one after the other, all as long as the longest."""
    longest = len(whole.share(0))
    order = torch.empty(whole.entries, dtype=torch.int64)
    for place in range(whole.processes):
        share = torch.from_numpy(whole.share(place))
        order[share] = place * longest + torch.arange(len(share))
    return order.to(device)


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()
