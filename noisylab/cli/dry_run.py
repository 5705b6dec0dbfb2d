"""What a sweep would do, and about how long it takes."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from noisylab.core.lines import counted, duration
from noisylab.study.plan import Plan
from noisylab.study.result import labels_of
from noisylab.study.stacks import length_in_images
from noisylab.study.states import seconds_left, state_of

STEPS = 3


def describe(plan: Plan, out: Path, jobs: int | None, *, remote: bool = False) -> str:
    """How many runs of the plan are done, failed and to do in the folder `out`, and an estimate of the time for the rest.

    The estimate is from the runs that are done; without any, from a few steps of CE on random images. remote: whether other
    machines train the runs, any number at once.
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
        seconds, by = seconds_left(out, runs), "the runs that are done"
        if seconds is None:
            waiting = {run["id"] for run in runs if run["state"] not in ("done", "failed")}
            seconds, by = _measured(plan, waiting), f"{STEPS} steps of CE with the first run's network"
        if seconds:
            lines.append(f"about {duration(seconds / at_once)}, {counted(at_once, 'run')} at once, judging by {by}")
    return "\n".join(lines)


def _measured(plan: Plan, runs: Collection[str]) -> float:
    """Seconds of training for some runs (ids), from a few steps of CE and what an epoch of each method costs in CE's epochs."""
    from noisylab.costs.speed import Stepper
    from noisylab.costs.workload import Workload
    from noisylab.training.device import repeatable, resolve_device

    first = plan.configs[0]
    data, training = plan.data[first.data_digest], first.training
    workload = Workload(first.model, data.shape, data.num_classes, training.batch_size, epochs=1, steps_per_epoch=STEPS)
    device = resolve_device(training.device)
    with repeatable(device, training.threads):
        an_image = Stepper(workload, "ce", device).seconds(STEPS) / STEPS / training.batch_size
    return an_image * sum(length_in_images(config) for config in plan.configs if config.id in runs)
