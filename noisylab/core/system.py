"""The machine and the process: cores, devices, and torchrun. Importing it imports no torch."""

import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]


def torchrun_processes() -> int:
    """The number of processes that `torchrun` started, including this one; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_rank_zero() -> bool:
    """Whether this process prints: it is the only one, or rank 0 under `torchrun`."""
    return os.environ.get("RANK", "0") == "0"


def resolve_device_name(device: Device) -> Device:
    """Resolve `auto`: cuda, else mps, else cpu. Raises ValueError if a named device is not on this machine."""
    available = _available_devices()
    if device == "auto":
        return available[0]
    if device not in available:
        raise ValueError(f"device {device!r} is not available on this machine; available: {', '.join(available)}")
    return device


def _available_devices() -> list[Device]:
    """The devices of this machine, the fastest first."""
    nodes = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
    if sys.platform == "linux" and not any(Path(node).exists() for node in nodes):
        # Without an accelerator there is no need to import torch.
        return ["cpu"]
    import torch

    found: dict[Device, bool] = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, there in found.items() if there]


def available_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_seconds(process: int) -> float:
    """Seconds that the main thread of a process of this machine has been at work, for differences; 0 once it has ended.

    On other systems than Linux, seconds that have passed.
    """
    if sys.platform != "linux":
        return time.monotonic()
    try:
        held = Path(f"/proc/{process}/task/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    # Its name, in brackets, can hold anything.
    user, system = held.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def without_collections() -> Iterator[None]:
    """Inside, no garbage is looked for: imports and figures make many objects and hardly any garbage, and finish sooner."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
