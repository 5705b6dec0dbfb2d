"""What happens to studies if everything goes wrong: `python -m tests.faults --rounds N`, from the folder of the repository.

A round is one SIGKILL at a random moment, and three damaged or malicious files in a finished and in a half-finished study.
Prints a table; exits with 1 if anything is lost, repeated, executed, accepted in silence, or ends in a traceback.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import kills
from faults.readers import Tried, half_finished, small_plan, summary, try_all

from noisylab.study.runner import run_plan

BAD = ("SILENT", "TRACEBACK", "EXECUTED")


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", default=["damage", "kills", "four", "full", "removed"])
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        if "damage" in arguments.parts:
            wrong += damage(work, arguments.rounds, arguments.seed)
        if set(arguments.parts) - {"damage"}:
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
    outcomes = []
    if "kills" in parts:
        outcomes.append(kills.kill_at_random(work, whole, rounds, rng))
    if "four" in parts:
        outcomes.append(kills.four_at_once(work, whole))
    if "full" in parts:
        outcomes.append(kills.full_disk(work, whole, max(1, rounds // 10), rng))
    if "removed" in parts:
        outcomes.append(kills.folder_removed(work))
    print(f"{'':<40}{'tries':>8}{'lost':>8}{'twice':>8}{'other bits':>12}{'tracebacks':>12}")
    for each in outcomes:
        print(
            f"{each.what:<40}{each.tries:>8}{each.lost:>8}{each.twice:>8}{each.other_bits:>12}{each.tracebacks:>12}", flush=True
        )
    return int(Counter(any(each[2:]) for each in outcomes)[True])


if __name__ == "__main__":
    sys.exit(main())
