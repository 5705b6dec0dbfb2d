"""What a named study is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.study.grid import Grid
from noisylab.study.run_folder import RunConfig
from noisylab.training.config import TrainConfig

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class NamedStudy:
    """A grid, how its runs are trained, and what shows those that have finished."""

    grid: Grid
    show: "Callable[[Sequence[RunConfig], Path, Console], None]"
    training: TrainConfig = field(default_factory=TrainConfig)
