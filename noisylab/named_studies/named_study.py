"""What a named study is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from noisylab.study.grid import Grid


@dataclass(frozen=True)
class NamedStudy:
    """A grid, and what is shown of its runs once they have finished.

    Attributes:
        grid: what the study runs by default.
        controls: methods with which all others are compared if they are there; the grid's first method always is one.
        figures: names or specs of figures.
        tables: the forms in which the tables are written.
    """

    grid: Grid
    controls: Sequence[str] = ("repeat",)
    figures: Sequence[str] = ()
    tables: Sequence[Literal["terminal", "markdown", "latex"]] = ("terminal",)
