"""How long a command line takes to answer, and importing the corruption utilities beside importing NumPy alone.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

STUDY = str(Path(__file__).parents[1] / "studies" / "noise_sweep.py")
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import noisylab.corruption": ["-c", "import noisylab.corruption"],
    "import torch": ["-c", "import torch"],
    "noise_sweep.py --help": [STUDY, "--help"],
    "noise_sweep.py --noise symmetric:1.5": [STUDY, "--noise", "symmetric:1.5"],
    "noise_sweep.py --train-size 5": [STUDY, "--train-size", "5"],
}


def seconds(arguments: list[str]) -> float:
    """How long one process takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    return time.perf_counter() - started


if __name__ == "__main__":
    # In turns, so that a busy moment of the machine meets all of them.
    turns = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(7)]
    for name in COMMANDS:
        print(f"{name:40} {statistics.median(turn[name] for turn in turns):.2f} s (median of {len(turns)})")
