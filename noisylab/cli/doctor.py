"""Check every file of a study against the digests of its results, and whether its folder keeps what is written.

Reads all records and checkpoints. Says, a line each, what is damaged, what is left of killed processes, and what the folder
cannot do (locks between processes, renaming, flushing to disk). Exits with 1 if anything is wrong. Changes nothing.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.files import check_folder
from noisylab.core.lines import counted

# What another process says of a lock that this one holds.
_TRY = """
import sys
from filelock import FileLock, Timeout
try:
    FileLock(sys.argv[1], timeout=0).acquire()
except Timeout:
    sys.exit(0)
sys.exit(1)
"""


@dataclass(frozen=True)
class Arguments:
    """The study."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study, or one where a study is to be."""


def main(args: Sequence[str]) -> int:
    """Check, and say what was found."""
    arguments = parse_command_line(Arguments, "doctor", __doc__, args)
    check_folder(arguments.runs)
    said = [*folder_faults(arguments.runs), *study_faults(arguments.runs)]
    print("\n".join(said) if said else "nothing is wrong")
    return 1 if said else 0


def folder_faults(folder: Path) -> list[str]:
    """What a folder cannot do that studies need, from two processes."""
    from filelock import FileLock

    from noisylab.core.files import cannot_write, write_atomically

    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor.") as place:
            lock, file = Path(place, "lock"), Path(place, "file")
            for content in (b"one", b"two"):
                write_atomically(file, content)
            if file.read_bytes() != b"two":
                return [f"{str(folder)!r}: a file that is renamed over another does not replace it"]
            with FileLock(lock, timeout=0):
                other = subprocess.run([sys.executable, "-c", _TRY, str(lock)], check=False, capture_output=True)  # noqa: S603
            if other.returncode:
                return [
                    f"{str(folder)!r}: two processes can hold one lock, so runs would be done twice; use another file system"
                ]
    except OSError as error:
        return [cannot_write(folder, error)]
    return []


def study_faults(study: Path) -> list[str]:
    """What is damaged in a study, and what killed processes left."""
    from noisylab.study.inputs import INPUTS, holds
    from noisylab.study.leftovers import leftovers
    from noisylab.study.run_folder import REMEDY, RESULT
    from noisylab.study.study_file import read_plans
    from noisylab.study.verify import damages

    said = []
    try:
        read_plans(study)
    except ValueError as error:
        said.append(str(error))
    checked = 0
    for result in sorted([*study.glob(f"*/{RESULT}"), *study.glob(f".teachers/*/{RESULT}")]):
        checked += 1
        try:
            found = damages(result.parent)
        except ValueError as error:
            said.append(str(error))
            continue
        if found:
            said.append(f"damaged: {result.parent.name}: {', '.join(found)}; {REMEDY}")
    kept = [path for path in sorted((study / INPUTS).glob("*")) if path.is_dir() and path.suffix != ".partial"]
    said += [f"damaged: data {str(path)!r}; the same sweep writes it anew" for path in kept if not holds(path, path.name)]
    left = len(list(leftovers(study)))
    said += [f"{counted(left, 'leftover')} of killed processes; noisylab clean {study} removes them"] if left else []
    if said and checked:
        said.append(f"checked {counted(checked, 'finished run')}")
    return said
