"""What a named study is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.study.grid import Grid
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import read_result

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class NamedStudy:
    """A grid, and what shows the runs of it that have finished."""

    grid: Grid
    show: "Callable[[Sequence[RunConfig], Path, Console], None]"


def show_finished(configs: Sequence[RunConfig], out: Path, console: "Console", **options: Any) -> None:
    """Show the finished runs of a grid, and say what was not run; options as of `noisylab.report.study_report.show`."""
    # What draws takes seconds to import, and help and refusals do not need it.
    import pandas

    from noisylab.report.study_report import show

    results = pandas.DataFrame([result for config in configs if (result := read_result(out / config.id)) is not None])
    finished = set() if results.empty else set(results["id"])
    show(results, out, console=console, missing=[config.id for config in configs if config.id not in finished], **options)
