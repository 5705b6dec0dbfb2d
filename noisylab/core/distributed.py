"""Several processes that train one network together (torch.distributed).

Without a process group there is one process, of rank 0, and these functions do nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

Value = TypeVar("Value")

# The others wait while the main process evaluates and writes.
PATIENCE = timedelta(hours=1)


def processes() -> int:
    """The number of processes."""
    return dist.get_world_size() if _joined() else 1


def rank() -> int:
    """The rank of this process."""
    return dist.get_rank() if _joined() else 0


def is_main() -> bool:
    """Whether this is the main process, which reads, evaluates and writes for all."""
    return rank() == 0


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Join torchrun's process group: NCCL and one GPU per process on CUDA, gloo on CPU.

    Raises ValueError if there are fewer devices than processes on this machine.
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
    """Run the block first in the main process, then in the others, so that one downloads what all of them read."""
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
    """The main process's value, in every process. It must be picklable."""
    if processes() == 1:
        return value
    held = [value]
    dist.broadcast_object_list(held, src=0)
    return held[0]


def to_main(value: Value) -> list[Value]:
    """In the main process the values of all processes, in the order of ranks; in the others an empty list."""
    if processes() == 1:
        return [value]
    held: list[Value] | None = [value] * processes() if is_main() else None
    dist.gather_object(value, held, dst=0)
    return held or []


def gathered(rows: Tensor) -> Tensor:
    """The rows [P * B, ...] of all P processes, from [B, ...] of each, without gradient and without waiting for the device.

    Row 0 of every process comes first, then row 1 of every process, and so on.
    """
    if processes() == 1:
        return rows
    rows = rows.detach().contiguous()
    parts = [torch.empty_like(rows) for _ in range(processes())]
    dist.all_gather(parts, rows)
    return torch.stack(parts, dim=1).flatten(0, 1)


def averaged(values: Tensor) -> Tensor:
    """The mean over processes."""
    if processes() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / processes()


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()
