"""What happens to studies if everything goes wrong: `python -m tests.faults --rounds N`, from the folder of the repository.

A round is one SIGKILL at a random moment, three damaged or malicious files in a finished and in a half-finished study, with
stacks and without, and three runs of a long study; ten rounds are a full disk and a folder that cannot be written.
Prints a table; exits with 1 if anything is lost, repeated, executed, accepted in silence, or ends in a traceback.
"""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import kills, surroundings
from faults.readers import Tried, half_finished, small_plan, summary, try_all
from faults.soak import soak

from noisylab.study.runner import run_plan

BAD = ("SILENT", "TRACEBACK", "EXECUTED")
PROCESSES = ("kills", "kills2", "four", "limit", "removed", "disk", "tmpdir", "immutable", "clock")
PARTS = ("damage", *PROCESSES, "soak")


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        if "damage" in arguments.parts:
            wrong += damage(work, arguments.rounds, arguments.seed)
        if "soak" in arguments.parts:
            wrong += sum(soak(work, 3 * arguments.rounds, jobs) for jobs in (1, 2))
        if set(arguments.parts) & set(PROCESSES):
            wrong += processes(work, arguments.parts, arguments.rounds, rng)
    return 1 if wrong else 0


def damage(work: Path, rounds: int, seed: int) -> int:
    """Damaged and malicious files: prints how they were read and healed, and what was wrong."""
    wrong = 0
    for state, stack in (("finished", 1), ("half-finished", 1), ("finished, stacked", 2), ("half-finished, stacked", 2)):
        planned = small_plan(stack, epochs=4)
        place = work / state
        place.mkdir()
        if state.startswith("finished"):
            run_plan(planned, place / "base", jobs=1)
        else:
            half_finished(planned, place / "base")
        tried = list(try_all(place / "base", planned, place, seed=seed, most=3 * rounds))
        print(f"{len(tried)} damaged files in a {state} study")
        for (read, healed), count in sorted(summary(tried).items()):
            print(f"  {read:<12}{healed:<12}{count:>5}")
        for each in tried:
            if is_wrong(each):
                wrong += 1
                print("  wrong:", *each, sep="\n    ")
        shutil.rmtree(place)
    return wrong


def is_wrong(tried: Tried) -> bool:
    """Whether a damage was read in silence, executed, ended in a traceback, or was not healed by the same sweep."""
    return tried.read.startswith(BAD) or not tried.healed.startswith("healed")


def processes(work: Path, parts: list[str], rounds: int, rng: random.Random) -> int:
    """Killed and competing processes, and full disks: prints a row each."""
    status, said = kills.sweep(work / "whole")
    if status:
        raise SystemExit(said)
    whole = kills.bits(work / "whole")
    tens = max(1, rounds // 10)
    tried = {
        "kills": lambda: kills.kill_at_random(work, whole, rounds, rng, 1),
        "kills2": lambda: kills.kill_at_random(work, whole, max(1, rounds // 4), rng, 2),
        "four": lambda: kills.four_at_once(work, whole),
        "limit": lambda: kills.limited_files(work, whole, tens, rng),
        "removed": lambda: kills.folder_removed(work),
        "disk": lambda: surroundings.full_disk(work, whole, tens, rng),
        "tmpdir": lambda: surroundings.full_tmpdir(work, whole),
        "immutable": lambda: surroundings.immutable(work, whole, tens, rng),
        "clock": lambda: surroundings.clock_back(work, whole),
    }
    print(f"{'':<40}{'tries':>8}{'lost':>8}{'twice':>8}{'other bits':>12}{'tracebacks':>12}")
    wrong = 0
    for part in [part for part in PROCESSES if part in parts]:
        each = tried[part]()
        wrong += any(each[2:])
        print(
            f"{each.what:<40}{each.tries:>8}{each.lost:>8}{each.twice:>8}{each.other_bits:>12}{each.tracebacks:>12}", flush=True
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
