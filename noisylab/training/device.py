"""Choose the device, and make runs on it repeatable."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from noisylab.core.system import Device, resolve_device_name


def resolve_device(device: Device) -> torch.device:
    """The torch device; "auto" is CUDA, else MPS, else CPU. Raises ValueError if the device is not available."""
    return torch.device(resolve_device_name(device))


@contextmanager
def repeatable(device: torch.device, threads: int) -> Iterator[None]:
    """Deterministic kernels on `threads` CPU threads. Afterwards, settings and generators of the process are as before."""
    before = torch.get_num_threads(), torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        try:
            torch.set_num_threads(threads)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before[1:]


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the default generators of the CPU and of `device`, for the draws of networks and methods."""
    # torch.manual_seed does this for every backend, and takes 50 times as long.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[torch.cuda.current_device()].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
