"""Which augmentations help which method under label noise: augmentation x {CE, repeat, DLB}.

By default none, the data set's own crop and flip, and four stronger ones, on scikit-learn's digits under symmetric noise of 0.4
with 3 seeds. mixup and CutMix mix images and labels; a half that DLB repeats is mixed as it was when it was new. Every
augmentation is a study in a folder of its own below --out. Names leave crop and flip to the data set: cutout:4 on digits does
not mirror them.

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
from noisylab.core.files import check_output
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS
from noisylab.core.system import resolve_device_name
from noisylab.data.image_data import check_root, load_data
from noisylab.study.grid import Execution, Grid, check_names, plan
from noisylab.study.run_folder import RunConfig
from noisylab.training.config import TrainConfig

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Augmentations:
    """What is compared; --augment is not used."""

    augmentations: tuple[str, ...] = ("none", "auto", "cutout:4", "random_erasing", "mixup", "cutmix")
    """Augmentations (specs); auto is the data set's own. On 32x32 images cutout:16 is usual."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    compared: Augmentations = field(default_factory=Augmentations)
    grid: Grid = field(default_factory=lambda: Grid(noise=("symmetric:0.4",)))
    training: TrainConfig = field(default_factory=TrainConfig)
    execution: Execution = field(default_factory=lambda: Execution(out=Path("runs/augmentation")))


def main() -> int:
    """Run the studies one after the other, then show what came out."""
    try:
        arguments = parse_command_line(Arguments, "sweep augmentation", __doc__, expand_seeds(sys.argv[1:]))
    except ValueError as error:
        fail(error)
    names, out = arguments.compared.augmentations, arguments.execution.out
    try:
        check_names(arguments.grid)
        if len(arguments.grid.noise) != 1:
            raise ValueError(f"--noise must name one, got {', '.join(arguments.grid.noise)}; use an own --out for each")
        specs = [name if name == "auto" else str(AUGMENTATIONS.parse(name)) for name in names]
        if not specs or len(set(specs)) < len(specs):
            raise ValueError(f"--augmentations must name at least one, and none twice, got {', '.join(names)}")
        check_output(out)
        check_root(arguments.grid.data_root)
        # What does not suit the images or a method is refused before the first study trains.
        training = replace(arguments.training, device=resolve_device_name(arguments.training.device))
        data = load_data(DATA_SETS.parse(arguments.grid.data), arguments.grid.data_root, arguments.grid.train_size)
        for name in names:
            plan(replace(arguments.grid, augment=name), training, data)
    except ValueError as error:
        fail(error)
    from noisylab.report.augmentation import folder_of, report

    from noisylab.study.runner import run_study

    status = 0
    for name in names:
        execution = replace(arguments.execution, out=folder_of(out, name))
        status |= run_study(replace(arguments.grid, augment=name), arguments.training, execution, say_nothing)
    from rich.console import Console

    report(out, names, arguments.grid.methods, Console())
    return status


def say_nothing(configs: Sequence[RunConfig], out: Path, console: "Console") -> None:
    """The parts are reported together."""


if __name__ == "__main__":
    sys.exit(interruptible(main, "the same command again finishes what is missing"))
