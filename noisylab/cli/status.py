"""Say which runs of a study are finished and which are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line


@dataclass(frozen=True)
class Arguments:
    """Of which study."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""


def main(args: Sequence[str]) -> int:
    """Print how many runs are finished, and name those that have begun and are not."""
    arguments = parse_command_line(Arguments, "status", __doc__, args)
    if not arguments.runs.is_dir():
        raise ValueError(f"runs {str(arguments.runs)!r} is not a folder")
    from noisylab.study.run_folder import read_result

    begun = sorted(path.parent for path in arguments.runs.glob("*/config.json"))
    unfinished = [folder.name for folder in begun if read_result(folder) is None]
    print(f"{len(begun) - len(unfinished)} runs finished, {len(unfinished)} begun")
    print("".join(f"begun: {name}\n" for name in unfinished), end="")
    return 0
