"""What the studies' commands share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.cli.arguments import fail
from noisylab.core.checks import PositiveInt, check_fields
from noisylab.core.files import check_output
from noisylab.study.grid import Grid

if TYPE_CHECKING:
    from rich.console import Console

    from noisylab.study.run_config import RunConfig


@dataclass(frozen=True)
class Execution:
    """Where the runs go, and how many at once."""

    out: Path = Path("runs/study")
    """Folder of the runs, tables and figures."""
    jobs: PositiveInt | None = None
    """Runs at once, in processes (None: CPU cores over threads, or 1 on an accelerator)."""


def study_command(grid: Grid, execution: Execution, report: "Callable[[Sequence[RunConfig], Path, Console], None]") -> int:
    """The exit status of a study: 1 if runs failed. What is wrong with its arguments is said in one line, with status 2."""
    try:
        check_fields(execution)
        check_output(execution.out)
        from noisylab.study.plan import plan
        from noisylab.study.runner import run_plan

        planned = plan(grid)
    except ValueError as error:
        fail(error)
    from rich.console import Console

    from noisylab.report.progress import ConsoleProgress

    console = Console()
    try:
        failures = run_plan(planned, execution.out, jobs=execution.jobs, observer=ConsoleProgress(console))
    except ValueError as error:
        fail(error)
    for failure in failures:
        console.print(f"failed: {failure.config.id}: {failure.reason}", markup=False, highlight=False)
    report(planned.configs, execution.out, console)
    return 1 if failures else 0
