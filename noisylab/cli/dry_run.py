"""What a sweep would do, and about how long it takes."""

from collections import Counter
from pathlib import Path
from typing import Any

from noisylab.core.lines import counted, duration
from noisylab.study.plan import Plan
from noisylab.study.result import labels_of
from noisylab.study.states import seconds_left, state_of


def describe(plan: Plan, out: Path, jobs: int | None, *, remote: bool = False) -> str:
    """How many runs of the plan are done, failed and to do in the folder `out`, and an estimate of the time for the rest.

    The estimate is from the runs that are done; without any, from one epoch of the first run, which is kept nowhere. remote:
    whether other machines train the runs, any number at once.
    """
    from noisylab.study.runner import default_jobs

    runs: list[dict[str, Any]] = []
    for config in plan.configs:
        named = labels_of(config, plan.data[config.data_digest].noise_defaults)
        runs.append({"id": config.id, **named} | state_of(out / config.id))
    counts = Counter(run["state"] for run in runs)
    held = f"{counts['done']:,} already done, " + (f"{counts['failed']:,} failed, " if counts["failed"] else "")
    todo = len(runs) - counts["done"] - counts["failed"]
    lines = [f"{counted(len(runs), 'run')}, {held}{todo:,} to do in {str(out)!r}"]
    lines += [f"  {method}: {counted(n, 'run')}" for method, n in Counter(run["method"] for run in runs).items()]
    if todo:
        at_once = 1 if remote else min(jobs or default_jobs(plan.configs[0].training), todo)
        left = seconds_left(out, runs)
        seconds, by = (
            (_measured(plan, todo), "one epoch of the first run") if left is None else (left, "the runs that are done")
        )
        if seconds:
            lines.append(f"about {duration(seconds / at_once)}, {counted(at_once, 'run')} at once, judging by {by}")
    return "\n".join(lines)


def _measured(plan: Plan, todo: int) -> float:
    """Seconds of training for so many runs like the first one, from one epoch of it."""
    import dataclasses
    import tempfile

    from noisylab.study.run import run_one

    config = plan.configs[0]
    # An epoch of the budget `epochs` costs what one of the run does.
    short = dataclasses.replace(config, budget="epochs", training=dataclasses.replace(config.training, epochs=1, stack=1))
    with tempfile.TemporaryDirectory() as folder:
        result = run_one(short, plan.data[config.data_digest], Path(folder))
    return float(result["seconds"]) * todo * config.epochs_trained
