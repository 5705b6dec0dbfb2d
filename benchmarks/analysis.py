"""The cost of analysing a long run: seconds and peak memory of every score, for 50,000 samples x 200 epochs.

    python benchmarks/analysis.py

Every score runs in its own process, on 2 cores, and reads its variables from disk: once for the score and how well it detects,
and once for the same after each of the 200 epochs. Peak memory is that of the whole process, libraries included.
The limit is 10 s and 1 GB for a score.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

SAMPLES, CLASSES, EPOCHS, CORES = 50_000, 10, 200, 2


def write(folder: str) -> None:
    """Write records of a run with 40 % mislabelled samples, learned as their true class first and as their given one later."""
    import numpy as np
    import torch

    from noisylab.corruption import symmetric
    from noisylab.recording import DynamicsRecorder

    true = np.arange(SAMPLES) % CLASSES
    noisy = symmetric(true, 0.4, seed=0)
    one_hot = [torch.eye(CLASSES)[torch.tensor(labels)] for labels in (noisy.true, noisy.given)]
    generator = torch.Generator().manual_seed(0)
    recorder = DynamicsRecorder(folder, noisy.given, epochs=EPOCHS, true_labels=true, divergence=True, probabilities=True)
    for epoch in range(EPOCHS):
        certain = 4 * one_hot[0] * min(1, epoch / 40) + 5 * one_hot[1] * max(0, epoch / 100 - 0.7)
        for new in (True, False):
            for start in range(0, SAMPLES, 5000):
                index = torch.arange(start, start + 5000)
                logits = certain[index] + torch.randn(len(index), CLASSES, generator=generator)
                recorder.observe(index, logits, new=slice(0, len(index) if new else 0))
        recorder.end_epoch()


def measure(folder: str, name: str, over: str) -> None:
    """Print the cost of the score `name`, and how well it detects."""
    from noisylab.analysis import cleanlab_table, detection_table
    from noisylab.analysis.over_epochs import flip_rates, fractions_over_epochs, training_dynamics
    from noisylab.recording import load_dynamics

    started = time.perf_counter()
    tables = {
        "training_dynamics": training_dynamics,
        "fractions_over_epochs": fractions_over_epochs,
        "flip_rates": flip_rates,
        "cleanlab_table": cleanlab_table,
    }
    found = ""
    if name in tables:
        tables[name](load_dynamics(folder))
    else:
        table = detection_table(load_dynamics(folder), [name], epochs=range(EPOCHS) if over == "every epoch" else None)
        found = f", ROC-AUC {table['roc_auc'].iloc[-1]:.3f}"
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:24} {over:12} {seconds:5.1f} s {memory:5.2f} GB{found}", flush=True)


def main() -> None:
    """Write records, and measure every score in its own process."""
    from noisylab.core.registries import SCORES

    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, __file__]
        subprocess.run([*run, folder], check=True)
        for name in SCORES.entries():
            for over in ("overall", "every epoch"):
                subprocess.run([*run, folder, name, over], check=True)
        for name in ("training_dynamics", "fractions_over_epochs", "flip_rates", "cleanlab_table"):
            subprocess.run([*run, folder, name, "table"], check=True)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    if len(sys.argv) == 1:
        main()
    elif len(sys.argv) == 2:
        write(sys.argv[1])
    else:
        measure(*sys.argv[1:])
