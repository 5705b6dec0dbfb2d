"""Speed of label noise, compared with cleanlab's generator and with a loop that draws one sample at a time.

python benchmarks/corruption.py          (compares with cleanlab if it is installed)
"""

import importlib.util
import resource
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption import instance, symmetric


def seconds(call: Callable[[], object], turns: int = 3) -> float:
    """The best of some turns."""
    taken = []
    for _ in range(turns):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)


def loop(labels: NDArray[np.int64], transition: NDArray[np.float64]) -> NDArray[np.int64]:
    """One multinomial draw per sample, as in Co-teaching's code."""
    flipper, given = np.random.RandomState(0), labels.copy()
    for index, label in enumerate(labels):
        flipped = flipper.multinomial(1, transition[label], 1)[0]
        given[index] = np.where(flipped == 1)[0][0]
    return given


def compare_at_one_million() -> None:
    """Print ratios to the others."""
    labels = np.random.default_rng(0).integers(10, size=1_000_000)
    transition = symmetric(np.arange(10), 0.4).transition
    assert transition is not None
    ours = seconds(lambda: symmetric(labels, 0.4))
    print(f"symmetric, 1 million labels            {ours:8.3f} s")
    if importlib.util.find_spec("cleanlab"):
        from cleanlab.benchmarking.noise_generation import generate_noisy_labels

        theirs = seconds(lambda: generate_noisy_labels(labels, transition.T))
        print(f"cleanlab generate_noisy_labels         {theirs:8.3f} s  ({theirs / ours:.1f} times as long)")
    # A tenth of the labels, because the time of the loop is linear in them.
    looped = 10 * seconds(lambda: loop(labels[:100_000], transition), 1)
    print(f"multinomial loop                       {looped:8.3f} s  ({looped / ours:.0f} times as long)")


def measure_at_ten_million() -> None:
    """Print time and memory."""
    labels = np.random.default_rng(0).integers(10, size=10_000_000)
    for rate in (0.4, 0.9):
        for sampling in ("exact_per_class", "exact", "iid"):
            taken = seconds(lambda r=rate, mode=sampling: symmetric(labels, r, sampling=mode))  # type: ignore[misc]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"symmetric:{rate}, 10 million, {sampling:15} {taken:6.3f} s  (peak so far {peak:.2f} GB)")


def measure_instance_noise() -> None:
    """Print the time of PDN at the size of CIFAR."""
    labels = np.random.default_rng(0).integers(10, size=50_000)
    features = np.random.default_rng(0).integers(0, 256, (50_000, 3_072), dtype=np.uint8)
    print(f"instance, 50,000 x 3,072 features      {seconds(lambda: instance(labels, 0.4, features), 1):8.3f} s")


if __name__ == "__main__":
    measure_at_ten_million()
    compare_at_one_million()
    measure_instance_noise()
