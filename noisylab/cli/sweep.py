"""`noisylab sweep [NAME]`: run a study, the named one or a grid of one's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.cli.arguments import grouped, parse_command_line
from noisylab.core.checks import PositiveInt, check_fields
from noisylab.core.files import check_output
from noisylab.core.registries import NAMED_STUDIES
from noisylab.study.grid import Grid

if TYPE_CHECKING:
    from rich.console import Console

    from noisylab.study.run_config import RunConfig

_SHARED = """
The options below change what the study {name} sets by default. `noisylab list methods` (noise, models, data, augmentations)
lists what they can name, `noisylab list studies` the other studies. --seeds 5 are the five seeds 0 to 4; two or more numbers
are the seeds themselves, and --seeds [7] is seed 7 alone.

The same command again finishes what is missing and repeats nothing."""


@dataclass(frozen=True)
class Execution:
    """Where the runs go, and how many at once."""

    out: Path = Path("runs/study")
    """Folder of the runs, tables and figures."""
    jobs: PositiveInt | None = None
    """Runs at once, in processes (None: CPU cores over threads, or 1 on an accelerator)."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    grid: Grid
    execution: Execution


def main(args: Sequence[str]) -> int:
    """Run a study, and show what came out."""
    args = list(args)
    name = args.pop(0) if args and not args[0].startswith("-") else "noise_sweep"
    spec = NAMED_STUDIES.parse(name)
    study = NAMED_STUDIES.create(spec)
    defaults = Arguments(study.grid, Execution(out=Path("runs") / spec.name))
    description = NAMED_STUDIES.entries()[spec.name].documentation + "\n" + _SHARED.format(name=spec.name)
    arguments = parse_command_line(Arguments, f"sweep {name}", description, expand_seeds(args), defaults)
    return run(arguments.grid, arguments.execution, study.show)


def run(grid: Grid, execution: Execution, show: "Callable[[Sequence[RunConfig], Path, Console], None]") -> int:
    """Run a grid with a live progress, show what has finished, and return 1 if runs failed."""
    check_fields(execution)
    check_output(execution.out)
    from noisylab.study.plan import plan

    planned = plan(grid)
    from rich.console import Console

    from noisylab.report.progress import ConsoleProgress
    from noisylab.study.runner import run_plan

    console = Console()
    failures = run_plan(planned, execution.out, jobs=execution.jobs, observer=ConsoleProgress(console))
    for failure in failures:
        console.print(f"failed: {failure.config.id}: {failure.reason}", markup=False, highlight=False)
    show(planned.configs, execution.out, console)
    return 1 if failures else 0


def expand_seeds(args: Sequence[str]) -> list[str]:
    """The command line with the seeds written out: `--seeds 3` becomes `--seeds 0 1 2`, `--seeds [7]` becomes `--seeds 7`."""
    args = list(args)
    for option, values in grouped(args):
        if option != "--seeds" or len(values) != 1:
            continue
        (text,) = values
        if text.strip() == "0":
            raise ValueError("--seeds 0 names no seed; write --seeds 5 for the seeds 0 to 4, or --seeds [0] for seed 0 alone")
        if text.isdecimal():
            seeds = [str(seed) for seed in range(int(text))]
        elif text.startswith("[") and text.endswith("]"):
            seeds = text[1:-1].replace(",", " ").split()
        else:
            continue
        at = next(place for place, token in enumerate(args) if token in ("--seeds", f"--seeds={text}"))
        args[at : at + 1 + (args[at] == "--seeds")] = ["--seeds", *seeds]
    return args
