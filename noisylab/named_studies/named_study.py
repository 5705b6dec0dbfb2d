"""`NamedStudy`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from noisylab.study.grid import Grid


@dataclass(frozen=True)
class NamedStudy:
    """A grid, and what to show of its finished runs.

    Attributes:
        grid: The default grid.
        controls: Methods that all others are compared with, besides the grid's first method.
        figures: Names or specs of figures.
        tables: Forms of the tables.
    """

    grid: Grid
    controls: Sequence[str] = ("repeat",)
    figures: Sequence[str] = ()
    tables: Sequence[Literal["terminal", "markdown", "latex"]] = ("terminal",)
