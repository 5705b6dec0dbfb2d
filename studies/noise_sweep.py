"""How test accuracy and memorisation depend on the label noise, for CE, repeat and DLB.

The default grid is 54 runs on scikit-learn's digits: about a minute on 4 CPU cores.

Expect DLB above its control `repeat` under noise, most at symmetric 0.6, with fewer mislabelled samples memorised. CE, which
processes half as many images, memorises fewest and ends highest there.

The same command again finishes what is missing and repeats nothing.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.cli.arguments import describe_specs, interruptible, parse_command_line
from noisylab.cli.study import Execution, study_command
from noisylab.study.grid import Grid
from noisylab.study.run_config import RunConfig

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    grid: Grid = field(default_factory=Grid)
    execution: Execution = field(default_factory=lambda: Execution(out=Path("runs/noise_sweep")))


def main() -> int:
    """Run the study."""
    arguments = parse_command_line(Arguments, f"{__doc__}\n{describe_specs()}")
    return study_command(arguments.grid, arguments.execution, report)


def report(configs: Sequence[RunConfig], out: Path, console: "Console") -> None:
    """Tables and figures of what has finished."""
    # What draws takes seconds to import, and help and refusals do not need it.
    from noisylab.report.comparison import report_sweep

    report_sweep(configs, out, console, controls=("repeat",))


if __name__ == "__main__":
    sys.exit(interruptible(main))
