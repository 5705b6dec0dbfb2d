"""The engine of all studies: from a plan to finished runs. It raises, and never prints or exits."""

from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from noisylab.core.files import check_output, make_output
from noisylab.core.interrupts import stoppable
from noisylab.core.registries import ENGINES
from noisylab.core.system import available_cores
from noisylab.study.failure import read_failure
from noisylab.study.inputs import keep_data
from noisylab.study.leftovers import remove_leftovers
from noisylab.study.plan import Plan
from noisylab.study.pool import Failure, run_here, run_pool
from noisylab.study.run_config import RunConfig
from noisylab.study.stacks import busy_to_the_end, stacks_of
from noisylab.study.study_file import add_plan
from noisylab.study.study_results import write_results
from noisylab.study.verify import unsound
from noisylab.training.config import TrainConfig


class Observer:
    """Receives the progress of a study. This one ignores it; override what you need."""

    def on_stacks(self, stacks: Sequence[tuple[int, ...]], alone: Collection[str]) -> None:
        """Before `on_start`: the numbers of the missing runs that are trained together, and the methods that cannot be."""

    def on_start(self, planned: Sequence[RunConfig], missing: Sequence[RunConfig], jobs: int) -> None:
        """Before the first of the missing runs, of which so many run at once."""

    def on_result(self, config: RunConfig, result: dict[str, Any]) -> None:
        """A run is done."""

    def on_progress(self, epochs: Sequence[int]) -> None:
        """The number of epochs done in every missing run, in their order."""

    def on_wait(self, held: Sequence[Path]) -> None:
        """All runs that are left are in these folders, and other processes are at them. Called again and again."""

    def on_unwritten(self, path: Path, error: OSError) -> None:
        """`results.csv` cannot be written; the runs' own results are there."""

    def on_end(self) -> None:
        """After the last run, and after an interrupt."""


def run_plan(
    plan: Plan,
    out: Path,
    *,
    jobs: int | None = None,
    engine: str = "local",
    observer: Observer | None = None,
    retry_failed: bool = False,
    verify: bool = True,
    checkpoint_seconds: float = 60.0,
    contrasts: Sequence[tuple[str, str]] = (),
) -> list[Failure]:
    """Execute the missing runs of a plan in the folder `out`, write `results.csv`, and return the runs that failed.

    Done runs are never repeated, unless a file of theirs is damaged; those that failed by themselves (`failure.json`) are tried
    again if `retry_failed`. jobs: runs, or stacks of them, at once, with engine `local`; 1 runs in this process, more in
    others; None: CPU cores divided by the threads of a run, or 1 on an accelerator. verify: read every file of done runs, and
    not their results alone. checkpoint_seconds: between two checkpoints of a run. A signal that asks to stop raises `Stopped`
    once finished epochs are saved. contrasts: the questions of a named study, which `study.json` keeps. Raises ValueError if
    `out` cannot be written, and EngineLostError if the engine is lost.
    """
    observer = observer or Observer()
    check_output(out)
    make_output(out)
    add_plan(out, plan, contrasts)
    bad = unsound(out, [config.id for config in plan.configs], verify=verify)
    missing = [config for config in plan.configs if config.id in bad]
    held = {} if retry_failed else {config.id: read_failure(out / config.id) for config in missing}
    failures = [Failure(config, failed["reason"]) for config in missing if (failed := held.get(config.id)) is not None]
    missing = [config for config in missing if held.get(config.id) is None]
    stacks = stacks_of(missing, plan.alone)
    jobs = min(jobs or default_jobs(plan.configs[0].training), max(len(stacks), 1))
    stacks = busy_to_the_end(stacks, missing, jobs)
    observer.on_stacks(stacks, plan.alone)
    told: dict[str, Any] = {
        "on_result": observer.on_result,
        "on_progress": observer.on_progress,
        "on_wait": lambda configs: observer.on_wait([out / config.id for config in configs]),
        "checkpoint_seconds": checkpoint_seconds,
    }
    try:
        with stoppable():
            if missing:
                remove_leftovers(out)
            if not missing or (jobs == 1 and str(ENGINES.parse(engine)) == str(ENGINES.parse("local"))):
                observer.on_start(plan.configs, missing, jobs)
                return failures + run_here(missing, stacks, lambda config: plan.data[config.data_digest], out, **told)
            for data in plan.data.values():
                keep_data(out, data)
            with closing(ENGINES.create(engine, jobs=jobs)) as made:
                observer.on_start(plan.configs, missing, made.places())
                return failures + run_pool(missing, stacks, out, made, **told)
    finally:
        observer.on_end()
        try:
            write_results(out)
        except OSError as error:
            observer.on_unwritten(out / "results.csv", error)


def default_jobs(training: TrainConfig) -> int:
    """As many runs at once as the CPU cores allow; 1 on an accelerator."""
    return max(1, available_cores() // training.threads) if training.device == "cpu" else 1
