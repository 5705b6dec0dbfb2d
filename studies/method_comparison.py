"""All training methods side by side, under label noise, on one data set.

The default grid is every method under symmetric noise of rates 0 and 0.4 and asymmetric noise of 0.4, with 5 seeds, on
scikit-learn's digits. --budget images makes the images processed alike, the second presentations and the teachers included.

The same command again finishes what is missing and repeats nothing.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.cli.arguments import describe_specs, interruptible, parse_command_line
from noisylab.cli.study import Execution, study_command
from noisylab.core.registries import METHODS
from noisylab.study.grid import Grid
from noisylab.study.run_config import RunConfig

if TYPE_CHECKING:
    from rich.console import Console

FIRST = ("ce", "repeat", "dlb")
NOISE = ("symmetric:0", "symmetric:0.4", "asymmetric:0.4")


def every_method() -> tuple[str, ...]:
    """All methods: the baseline, its control and DLB, then the others by name."""
    return FIRST + tuple(name for name in METHODS.entries() if name not in FIRST)


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    grid: Grid = field(default_factory=lambda: Grid(methods=every_method(), noise=NOISE, seeds=(0, 1, 2, 3, 4)))
    execution: Execution = field(default_factory=lambda: Execution(out=Path("runs/method_comparison")))


def main() -> int:
    """Run the study."""
    arguments = parse_command_line(Arguments, f"{__doc__}\n{describe_specs()}")
    return study_command(arguments.grid, arguments.execution, report)


def report(configs: Sequence[RunConfig], out: Path, console: "Console") -> None:
    """Tables and the rank plot of what has finished."""
    # What draws takes seconds to import, and help and refusals do not need it.
    from noisylab.report.comparison import report_comparison

    report_comparison(configs, out, console)


if __name__ == "__main__":
    sys.exit(interruptible(main))
