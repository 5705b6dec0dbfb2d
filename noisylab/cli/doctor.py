"""Check the folder of a study: whether processes can share it, and every file against the digests of the results.

Two processes of this host try whether locks, renames and fsync work. With --hosts N, call the command on N hosts at the same
time, such as with srun --nodes N --ntasks-per-node 1: they try it together. If the folder holds a study, all its records and
checkpoints are read. Says, a line each, what the folder cannot do, what is damaged, and what is left of killed processes, and
exits with 1 if anything is wrong. Changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.checks import PositiveInt, check_fields
from noisylab.core.files import check_folder
from noisylab.core.lines import counted


@dataclass(frozen=True)
class Arguments:
    """The folder."""

    folder: tyro.conf.Positional[Path]
    """Folder of a study, or any other, where studies are to be."""
    hosts: PositiveInt = 1
    """Hosts on which this command is called at the same time."""


def main(args: Sequence[str]) -> int:
    """Say what is wrong with the folder and the study in it, and return 1 if anything is."""
    arguments = parse_command_line(Arguments, "doctor", __doc__, args)
    check_fields(arguments)
    folder, hosts = arguments.folder, arguments.hosts
    check_folder(folder)
    from noisylab.study.shared_folder import check_shared_folder
    from noisylab.study.study_faults import finished_runs, study_faults

    problems = check_shared_folder(folder, hosts)
    tried = "two processes of this host" if hosts == 1 else f"a process on each of {counted(hosts, 'host')}"
    print("\n".join(problems) or f"{folder}: locks, renames and fsync work, tried by {tried}")
    faults, runs = study_faults(folder), len(finished_runs(folder))
    said = [*faults, *([f"checked {counted(runs, 'finished run')}{'' if faults else ': nothing is damaged'}"] if runs else [])]
    if said:
        print("\n".join(said))
    return 1 if problems or faults else 0
