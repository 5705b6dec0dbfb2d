"""`noisylab sweep [NAME]`: run a study, the named one or a grid of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noisylab.cli.arguments import grouped, parse_command_line
from noisylab.core.registries import NAMED_STUDIES
from noisylab.study.grid import Execution, Grid
from noisylab.training.config import TrainConfig

_SHARED = """
The options below change what the study {name} sets by default. `noisylab list methods` (noise, models, data, augmentations)
lists what they can name, `noisylab list studies` the other studies. --seeds 5 are the five seeds 0 to 4; two or more numbers are
the seeds themselves, and --seeds [7] is seed 7 alone.

The same command again finishes what is missing and repeats nothing."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    grid: Grid
    training: TrainConfig
    execution: Execution


def main(args: Sequence[str]) -> int:
    """Run a study, and show what came out."""
    args = list(args)
    name = args.pop(0) if args and not args[0].startswith("-") else "noise_sweep"
    spec = NAMED_STUDIES.parse(name)
    study = NAMED_STUDIES.create(spec)
    defaults = Arguments(study.grid, study.training, Execution(out=Path("runs") / spec.name))
    description = NAMED_STUDIES.entries()[spec.name].documentation + "\n" + _SHARED.format(name=spec.name)
    arguments = parse_command_line(Arguments, f"sweep {name}", description, expand_seeds(args), defaults)
    from noisylab.study.runner import run_study

    return run_study(arguments.grid, arguments.training, arguments.execution, study.show)


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
