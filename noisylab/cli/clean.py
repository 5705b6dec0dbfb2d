"""Remove what killed processes left in a study: temporary files, notes of processes that are gone, and orphaned folders.

Never a result: a folder is removed only if no sweep of this study planned it and it holds no result. Without --yes it only says
what it would remove.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.files import check_folder
from noisylab.core.lines import counted


@dataclass(frozen=True)
class Arguments:
    """The study."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    yes: bool = False
    """Remove it, and do not only say so."""


def main(args: Sequence[str]) -> int:
    """Name, and with --yes remove, leftovers and orphaned folders."""
    arguments = parse_command_line(Arguments, "clean", __doc__, args)
    check_folder(arguments.runs)
    from noisylab.api import open_study
    from noisylab.study.leftovers import leftovers

    study = open_study(arguments.runs).path
    found = [*leftovers(study), *orphans(study)]
    for path in found:
        print(path)
    if not found:
        print("nothing to remove")
    elif not arguments.yes:
        print(f"{counted(len(found), 'leftover')}; the same command with --yes removes them")
    else:
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        print(f"removed {counted(len(found), 'leftover')}")
    return 0


def orphans(study: Path) -> Iterator[Path]:
    """Folders of runs that no sweep of the study planned, that hold no result, and that no process is at."""
    from noisylab.study.progress import is_locked
    from noisylab.study.run_folder import CONFIG, RESULT
    from noisylab.study.study_file import planned_runs

    planned = {run["id"] for run in planned_runs(study)}
    if not planned:
        return
    for config in sorted(study.glob(f"*/{CONFIG}")):
        folder = config.parent
        if folder.name not in planned and not (folder / RESULT).exists() and not is_locked(folder):
            yield folder
