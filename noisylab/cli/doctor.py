"""Try whether processes can share the studies in a folder: whether locks, renames and fsync work in it.

Two processes of this host try it. With --hosts N, call the command on N hosts at the same time, such as with
srun --nodes N --ntasks-per-node 1: they try it together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.checks import PositiveInt, check_fields
from noisylab.core.files import check_folder, check_output
from noisylab.core.lines import counted


@dataclass(frozen=True)
class Arguments:
    """The folder."""

    folder: tyro.conf.Positional[Path]
    """Any folder; nothing in it is changed."""
    hosts: PositiveInt = 1
    """Hosts on which this command is called at the same time."""


def main(args: Sequence[str]) -> int:
    """Say what is wrong with the folder, and return 1 if anything is."""
    arguments = parse_command_line(Arguments, "doctor", __doc__, args)
    check_fields(arguments)
    check_folder(arguments.folder)
    check_output(arguments.folder)
    from noisylab.study.shared_folder import check_shared_folder

    problems = check_shared_folder(arguments.folder, arguments.hosts)
    tried = "two processes of this host" if arguments.hosts == 1 else f"a process on each of {counted(arguments.hosts, 'host')}"
    print("\n".join(problems) or f"{arguments.folder}: locks, renames and fsync work, tried by {tried}")
    return 1 if problems else 0
