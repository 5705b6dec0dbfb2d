"""What recording costs: milliseconds an epoch, files, and bytes per sample and epoch on disk.

    python benchmarks/recording.py

`observe` is called as in training, on DLB's batches of digits' size and of CIFAR-10's; both parts of the cost are stated.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from noisylab.analysis import DynamicsRecorder
from noisylab.data import LastBatchSampler


def measure(samples: int, classes: int, batch_size: int, epochs: int) -> None:
    """Record random logits and print what it cost."""
    labels = np.random.default_rng(0).integers(0, classes, samples)
    given = torch.from_numpy(labels)
    logits = torch.randn(batch_size, classes)
    sampler = LastBatchSampler(samples, batch_size)
    observing, writing = [], []
    with tempfile.TemporaryDirectory() as folder:
        recorder = DynamicsRecorder(folder, labels, epochs=epochs, num_classes=classes)
        for epoch in range(epochs):
            total = 0.0
            for ids, new in sampler.batches(epoch):
                index = torch.from_numpy(ids)
                started = time.perf_counter()
                recorder.observe(index, logits[: len(index)], given[index], new)
                total += time.perf_counter() - started
            started = time.perf_counter()
            recorder.end_epoch()
            writing.append(1000 * (time.perf_counter() - started))
            observing.append(1000 * total)
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / samples / epochs
    print(
        f"{samples} samples, {epochs} epochs: {statistics.median(observing):.1f} ms observing + "
        f"{statistics.median(writing):.1f} ms writing an epoch (median); {len(files)} files, "
        f"{size:.1f} bytes a sample and epoch"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure(samples=1347, classes=10, batch_size=64, epochs=40)
    measure(samples=50_000, classes=10, batch_size=128, epochs=50)
