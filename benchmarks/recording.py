"""The cost of recording: milliseconds per epoch, share of a resnet32 epoch, files, and bytes per sample and epoch on disk.

    python benchmarks/recording.py

`observe` is called as in training, on DLB's batches at the size of digits and of CIFAR-10. Both parts of the cost are printed,
for the minimal records, and with divergences and mean probabilities as in a study. The share is relative to an epoch of bare
resnet32 steps on the same device (CUDA if available, else one CPU thread), as many as DLB has at batch 128, estimated from a
few.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from noisylab.core.registries import MODELS
from noisylab.data import LastBatchSampler
from noisylab.recording import DynamicsRecorder

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
STEPS = 100 if DEVICE == "cuda" else 8


def now() -> float:
    """Seconds, after waiting for the device."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def resnet_epoch(samples: int, batch_size: int) -> float:
    """Seconds of an epoch of forward, backward and update on DLB's batches."""
    network = MODELS.create(MODELS.parse("resnet32"), 10, 3).to(DEVICE, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    images = torch.randn(batch_size, 3, 32, 32, device=DEVICE).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch_size,), device=DEVICE)
    for step in range(STEPS + 2):
        if step == 2:
            started = now()
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return (now() - started) / STEPS * samples / (batch_size / 2)


def measure(samples: int, classes: int, batch_size: int, epochs: int, everything: bool) -> float:
    """Record random logits, print the cost, and return the median seconds per epoch."""
    labels = np.random.default_rng(0).integers(0, classes, samples)
    logits = torch.randn(batch_size, classes, device=DEVICE)
    sampler = LastBatchSampler(samples, batch_size)
    observing, writing = [], []
    with tempfile.TemporaryDirectory() as folder:
        recorder = DynamicsRecorder(
            folder, labels, epochs=epochs, num_classes=classes, divergence=everything, probabilities=everything
        )
        for epoch in range(epochs):
            batches = [(torch.from_numpy(ids).to(DEVICE), new) for ids, new in sampler.batches(epoch)]
            started = now()
            for index, new in batches:
                recorder.observe(index, logits[: len(index)], new=new)
            middle = now()
            recorder.end_epoch()
            observing.append(middle - started)
            writing.append(now() - middle)
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / samples / epochs
    print(
        f"{samples} samples, {epochs} epochs, {'everything' if everything else 'the least'}: "
        f"{1000 * statistics.median(observing):.1f} ms observing + {1000 * statistics.median(writing):.1f} ms writing an epoch "
        f"(median); {len(files)} files, {size:.1f} bytes a sample and epoch"
    )
    return statistics.median(a + b for a, b in zip(observing, writing, strict=True))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for everything in (False, True):
        measure(samples=1347, classes=10, batch_size=64, epochs=40, everything=everything)
    epoch = resnet_epoch(50_000, 128)
    for everything in (False, True):
        cost = measure(samples=50_000, classes=10, batch_size=128, epochs=50, everything=everything)
        print(f"{100 * cost / epoch:.2f} % of {epoch:.1f} s, a resnet32 epoch on {DEVICE}")
