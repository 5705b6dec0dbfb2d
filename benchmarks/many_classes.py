"""Time and peak memory of noise on a million labels of few and of many classes: drawn, saved, loaded, reported.

python benchmarks/many_classes.py
"""

import contextlib
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from noisylab.core.registries import NOISES
from noisylab.corruption import NoisyLabels

SAMPLES = 1_000_000
CLASSES = (10, 1_000, 10_000)
NOISE = ("symmetric:0.4", "pair_flip:0.4", "chain(first='pair_flip:0.2', second='symmetric:0.1')")


def measure(noise: str, classes: int, folder: Path) -> None:
    """Print the time of each step, and the peak of this process."""
    labels = np.random.default_rng(0).integers(classes, size=SAMPLES)
    times = [time.perf_counter()]
    noisy = NOISES.create(noise, labels=labels, num_classes=classes)
    times.append(time.perf_counter())
    noisy.save(folder / "noise.npz")
    times.append(time.perf_counter())
    again = NoisyLabels.load(folder / "noise.npz")
    times.append(time.perf_counter())
    with contextlib.redirect_stdout(io.StringIO()):
        again.report()
    times.append(time.perf_counter())
    steps = "  ".join(
        f"{name} {taken:5.2f} s" for name, taken in zip(("draw", "save", "load", "report"), np.diff(times), strict=True)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{again.kind:20} {classes:6} classes  {steps}  all {times[-1] - times[0]:5.2f} s, peak {peak:.2f} GB")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        with tempfile.TemporaryDirectory() as temporary:
            measure(sys.argv[1], int(sys.argv[2]), Path(temporary))
    else:
        # A process for each, so that each has its own peak.
        for noise in NOISE:
            for classes in CLASSES:
                subprocess.run([sys.executable, __file__, noise, str(classes)], check=True)
