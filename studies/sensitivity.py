"""How DLB depends on its temperature and alpha, and on the batch size, beside CE, repeat, and CE with as many images as DLB.

The default grid is 5 temperatures x 4 alphas at batch sizes 32, 64 and 128, under symmetric noise of 0.4, with 3 seeds, on
scikit-learn's digits. Every batch size is a study in a folder of its own below --out, and CE for twice as many epochs, which
processes as many images as DLB, another one.

The same command again finishes what is missing and repeats nothing.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.cli.arguments import parse_command_line
from noisylab.cli.ending import fail, interruptible
from noisylab.cli.sweep import expand_seeds
from noisylab.core.checks import NonNegative, Positive, PositiveInt, check_fields
from noisylab.core.files import check_output
from noisylab.study.grid import Execution, Grid
from noisylab.study.run_folder import RunConfig
from noisylab.training.config import TrainConfig

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Sensitivity:
    """What DLB's results are to be followed over."""

    temperatures: tuple[Positive, ...] = (1.0, 2.0, 3.0, 4.0, 6.0)
    """DLB's temperatures."""
    alphas: tuple[NonNegative, ...] = (0.3, 1.0, 3.0, 10.0)
    """DLB's weights of the distillation."""
    batch_sizes: tuple[PositiveInt, ...] = (32, 64, 128)
    """Entries of a batch; even. (--batch-size is not used.)"""


@dataclass(frozen=True)
class Arguments:
    """The command line. --methods and --budget are set by the study."""

    sensitivity: Sensitivity = field(default_factory=Sensitivity)
    grid: Grid = field(default_factory=lambda: Grid(noise=("symmetric:0.4",)))
    training: TrainConfig = field(default_factory=TrainConfig)
    execution: Execution = field(default_factory=lambda: Execution(out=Path("runs/sensitivity")))


def main() -> int:
    """Run the studies one after the other, then draw what came out."""
    try:
        arguments = parse_command_line(Arguments, "sweep sensitivity", __doc__, expand_seeds(sys.argv[1:]))
    except ValueError as error:
        fail(error)
    asked, training, out = arguments.sensitivity, arguments.training, arguments.execution.out
    try:
        check_fields(asked)
        for name in ("temperatures", "alphas", "batch_sizes"):
            values = getattr(asked, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"--{name.replace('_', '-')} must name at least one, and none twice, got {values}")
        if len(arguments.grid.noise) != 1:
            raise ValueError(f"--noise must name one, since maps are drawn of one noise, got {', '.join(arguments.grid.noise)}")
        trainings = {size: replace(training, batch_size=size) for size in asked.batch_sizes}
        check_output(out)
    except ValueError as error:
        fail(error)
    variants = tuple(f"dlb(temperature={t:g}, alpha={a:g})" for t in asked.temperatures for a in asked.alphas)
    compared = replace(arguments.grid, methods=("ce", "repeat", *variants), budget="epochs")
    matched = replace(arguments.grid, methods=("ce",), budget="epochs")
    from noisylab.study.runner import run_study

    status = 0
    for size, one in trainings.items():
        # DLB processes every image twice an epoch.
        for grid, config, name in ((compared, one, ""), (matched, replace(one, epochs=2 * one.epochs), "-ce-matched")):
            execution = replace(arguments.execution, out=out / f"batch-{size}{name}")
            status |= run_study(grid, config, execution, say_nothing)
    from noisylab.report.sensitivity import report
    from rich.console import Console

    report(out, list(trainings), Console())
    return status


def say_nothing(configs: Sequence[RunConfig], out: Path, console: "Console") -> None:
    """The parts are reported together."""


if __name__ == "__main__":
    sys.exit(interruptible(main, "the same command again finishes what is missing"))
