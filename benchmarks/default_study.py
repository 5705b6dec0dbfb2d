"""Seconds of each part of the default study, and of the commands around it; what is installed is not part of them.

python benchmarks/default_study.py, or with options of `noisylab sweep`, such as --seeds 1
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import noisylab": ["-c", "import noisylab"],
    "import noisylab.corruption": ["-c", "import noisylab.corruption"],
    "import torch": ["-c", "import torch"],
    "noisylab --help": ["-m", "noisylab", "--help"],
    "noisylab list methods": ["-m", "noisylab", "list", "methods"],
    "noisylab sweep --help": ["-m", "noisylab", "sweep", "--help"],
    "noisylab sweep --noise symmetric:1.5": ["-m", "noisylab", "sweep", "--noise", "symmetric:1.5"],
}
# The option with which this file starts itself, as the process of the command.
INSIDE = "--inside"


def seconds(arguments: list[str]) -> tuple[float, float]:
    """The wall time and the processor time of a process and its children (s)."""
    started, before = time.perf_counter(), _used(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started, _used(resource.RUSAGE_CHILDREN) - before


def _used(who: int) -> float:
    held = resource.getrusage(who)
    return held.ru_utime + held.ru_stime


def inside(report: Path, options: list[str]) -> None:
    """Run the command in this process, and write the seconds of its parts to a file."""
    started = time.perf_counter()
    parts: dict[str, float] = {}

    def timed(module: Any, name: str, part: str) -> None:
        function: Callable[..., Any] = getattr(module, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                parts[part] = parts.get(part, 0.0) + time.perf_counter() - begun

        setattr(module, name, wrapper)

    from noisylab.cli import sweep

    parts["imports of the command"] = time.perf_counter() - started
    from noisylab.report.progress import ConsoleProgress
    from noisylab.study import plan, runner

    timed(plan, "load_data", "reading the data")
    timed(plan, "plan", "planning, with reading the data and importing torch")
    timed(runner, "run_plan", "training, with starting processes")
    timed(sweep, "show", "the end: tables and figures")
    on_progress = ConsoleProgress.on_progress

    def first(self: ConsoleProgress, epochs: Any) -> None:
        if sum(epochs):
            parts.setdefault("from the command to the first finished epoch", time.perf_counter() - started)
        on_progress(self, epochs)

    ConsoleProgress.on_progress = first  # type: ignore[method-assign]
    sweep.main(options)
    report.write_text(json.dumps(parts))


def main(options: list[str]) -> None:
    """Print a line per command, then one per part of the study."""
    # In turns, so that a busy moment of the machine affects all of them.
    turns = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(5)]
    for name in COMMANDS:
        wall, used = (statistics.median(turn[name][place] for turn in turns) for place in (0, 1))
        print(f"{name:55} {wall:6.2f} s, {used:6.2f} s of processor time (medians of {len(turns)})", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        study, report = Path(folder) / "study", Path(folder) / "parts.json"
        command = ["--out", str(study), *options]
        wall, used = seconds([os.path.abspath(__file__), INSIDE, str(report), *command])  # noqa: PTH100
        for name, part in json.loads(report.read_text()).items():
            print(f"{name:55} {part:6.2f} s")
        print(f"{'all of it':55} {wall:6.2f} s, {used:6.2f} s of processor time")

        import pandas

        results = pandas.read_csv(study / "results.csv")
        print(
            f"{'processor time per step of a run':55} {1000 * used / results['updates'].sum():6.2f} ms, start and end included"
        )
        # Files that have just changed are read once more.
        time.sleep(3)
        for what in ("with nothing left to do, all files read", "with nothing left to do, once more"):
            wall, used = seconds(["-m", "noisylab", "sweep", *command])
            print(f"{what:55} {wall:6.2f} s, {used:6.2f} s of processor time")


if __name__ == "__main__":
    if sys.argv[1:2] == [INSIDE]:
        inside(Path(sys.argv[2]), sys.argv[3:])
    else:
        main(sys.argv[1:])
