"""Time of a command line to answer, and of importing noisylab.corruption compared with NumPy alone.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import noisylab.corruption": ["-c", "import noisylab.corruption"],
    "import torch": ["-c", "import torch"],
    "noisylab --help": ["-m", "noisylab", "--help"],
    "noisylab list methods": ["-m", "noisylab", "list", "methods"],
    "noisylab sweep --help": ["-m", "noisylab", "sweep", "--help"],
    "noisylab sweep --noise symmetric:1.5": ["-m", "noisylab", "sweep", "--noise", "symmetric:1.5"],
    "noisylab sweep --train-size 5": ["-m", "noisylab", "sweep", "--train-size", "5"],
}


def seconds(arguments: list[str]) -> float:
    """The time of one process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    return time.perf_counter() - started


if __name__ == "__main__":
    # In turns, so that a busy moment of the machine affects all of them.
    turns = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(7)]
    for name in COMMANDS:
        print(f"{name:40} {statistics.median(turn[name] for turn in turns):.2f} s (median of {len(turns)})")
