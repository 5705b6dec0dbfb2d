"""A study from its grid to finished runs."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from noisylab.core.checks import check_fields
from noisylab.core.files import check_output, make_output
from noisylab.core.registries import DATA_SETS
from noisylab.core.system import available_cores, resolve_device_name
from noisylab.data.image_data import ImageData, check_root, load_data
from noisylab.study.grid import Execution, Grid, check_names, plan
from noisylab.study.pool import Failure, run_all
from noisylab.study.run_folder import RunConfig, read_result, write_results
from noisylab.training.config import TrainConfig


def execute_grid(configs: Sequence[RunConfig], data: ImageData, out: Path, jobs: int, console: Console) -> list[Failure]:
    """Execute what is missing of a grid in `out`, write `results.csv`, and return the runs that failed.

    On a terminal there is a bar with the time left; elsewhere a line for every finished run.
    """
    missing = [config for config in configs if read_result(out / config.id) is None]
    console.print(f"{len(configs)} runs, {len(configs) - len(missing)} already done; {len(missing)} to do on {jobs} processes")
    if not missing:
        write_results(out)
        return []
    jobs = min(jobs, len(missing))
    finished = 0
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with (
        tempfile.TemporaryDirectory(prefix="noisylab-") as folder,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        data.save(Path(folder))
        task = progress.add_task(f"0/{len(missing)} runs", total=sum(config.training.epochs for config in missing))

        def on_result(config: RunConfig, result: dict[str, Any]) -> None:
            nonlocal finished
            finished += 1
            progress.update(task, description=f"{finished}/{len(missing)} runs")
            if not console.is_terminal:
                console.print(
                    f"[{finished}/{len(missing)}] {result['method']}, {result['noise']}, seed {config.seed}: "
                    f"test accuracy {result['test_accuracy_last']:.3f} ({result['seconds']:.1f} s)",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )

        try:
            return run_all(
                missing,
                Path(folder),
                out,
                jobs,
                on_result=on_result,
                on_progress=lambda epochs: progress.update(task, completed=sum(epochs)),
            )
        finally:
            write_results(out)


Report = Callable[[Sequence[RunConfig], Path, "Console"], None]


def run_study(grid: Grid, training: TrainConfig, execution: Execution, report: Report) -> int:
    """Check the arguments, execute the grid, and report what is on disk; the exit status: 1 where runs failed.

    Raises ValueError for a bad argument, before anything is written.
    """
    check_fields(grid)
    check_fields(execution)
    check_names(grid)
    check_root(grid.data_root)
    check_output(execution.out)
    training = replace(training, device=resolve_device_name(training.device))
    data = load_data(DATA_SETS.parse(grid.data), grid.data_root, grid.train_size)
    configs = plan(grid, training, data)
    make_output(execution.out)
    jobs = execution.jobs or (max(1, available_cores() // training.threads) if training.device == "cpu" else 1)
    console = Console()
    failures = execute_grid(configs, data, execution.out, jobs, console)
    for failure in failures:
        console.print(f"failed: {failure.config.id}: {failure.reason}", markup=False, highlight=False)
    report(configs, execution.out, console)
    return 1 if failures else 0
