"""What a named study is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.study.grid import Grid
from noisylab.study.run_config import RunConfig

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class NamedStudy:
    """A grid, and what shows the runs of it that have finished."""

    grid: Grid
    show: "Callable[[Sequence[RunConfig], Path, Console], None]"
