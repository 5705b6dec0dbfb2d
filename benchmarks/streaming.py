"""A data set that stays in its files, compared with the same one in memory: time of an epoch's batches, and peak memory.

Makes a folder of JPEG images and times one epoch of DLB's batches (gather or decode, crop and flip, normalise; no network) from
memory and from files, in turns in one process. New processes then read all batches of data sets of two sizes, for their peak
memory. Run it alone: `python benchmarks/streaming.py`.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS
from noisylab.data.batches.loader import BatchLoader, TrainingSet
from noisylab.data.batches.samplers import LastBatchSampler
from noisylab.data.image_data import load_data

SIDE, CLASSES, TURNS = 96, 10, 5
COUNTS = (2_000, 20_000)


def write_images(base: Path, count: int) -> None:
    """Write `count` training images of smooth colours, and ten for testing."""
    rng = np.random.default_rng(0)
    for part, number in (("train", count), ("test", CLASSES)):
        for index in range(number):
            folder = base / part / str(index % CLASSES)
            folder.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            coarse.resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(folder / f"{index}.jpg", quality=90)


def feed(base: Path, *, stream: bool) -> BatchLoader:
    """DLB's batches of the training images."""
    data = load_data(DATA_SETS.parse(f"folder(path={str(base)!r}, size={SIDE}, stream={stream})"), None)
    augmentation = AUGMENTATIONS.create(AUGMENTATIONS.parse(data.augment))
    given = TrainingSet(data.train_images, data.train_labels, data.mean, data.std, augmentation)
    return BatchLoader(given, LastBatchSampler(len(data.train_labels), 128), 0, torch.device("cpu"))


def seconds(batches: BatchLoader) -> float:
    """The time of an epoch's batches, without training."""
    started = time.perf_counter()
    for _ in batches.batches(1):
        pass
    return time.perf_counter() - started


def peak(base: Path, *, stream: bool) -> tuple[float, float]:
    """Peak memory (MB) of a new process that reads an epoch, and of its largest worker."""
    command = [sys.executable, __file__, str(base), str(stream)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    own, reader = json.loads(done.stdout)
    return own, reader


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        sets = [Path(folder) / str(count) for count in COUNTS]
        for base, count in zip(sets, COUNTS, strict=True):
            write_images(base, count)
        feeds = {stream: feed(sets[0], stream=stream) for stream in (False, True)}
        turns: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(TURNS):
            for stream, times in turns.items():
                times.append(seconds(feeds[stream]))
        images = 2 * COUNTS[0]
        for stream, times in turns.items():
            print(f"{'from files ' if stream else 'from memory'}: {images / median(times):10,.0f} images/s")
        ratios = sorted(a / b for a, b in zip(turns[True], turns[False], strict=True))
        print(f"files / memory, time of an epoch's batches: {median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
        for stream in (False, True):
            for base, count in zip(sets, COUNTS, strict=True):
                own, reader = peak(base, stream=stream)
                told = f", the largest reader {reader:,.0f} MB" if stream else ""
                print(f"{'from files ' if stream else 'from memory'}, {count:6,} images: peak {own:,.0f} MB{told}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        seconds(feed(Path(sys.argv[1]), stream=sys.argv[2] == "True"))
        usage = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(json.dumps(usage))
    else:
        main()
