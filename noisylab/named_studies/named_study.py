"""`NamedStudy`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from noisylab.core.checks import PositiveInt
from noisylab.study.grid import Grid

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class NamedStudy:
    """A grid, and what to show of its finished runs.

    Attributes:
        grid: The default grid.
        contrasts: The study's primary questions: pairs of a method and its baseline (specs).
        figures: Names or specs of figures.
        formats: Formats of the tables that are written.
        analyses: Further tables by name: functions of the rows of `results.csv`, with `by`, that return a table of numbers.
        follow_up: Chooses, by the results on validation samples, a second study that is run in the same folder and shown
            instead. It takes the grid that was run and its rows of `results.csv`, and also returns a text with the choice.
        stack: Runs in a stack, if a benchmark says that it pays for the grid's data and network; changing these leaves it out.
    """

    grid: Grid
    contrasts: Sequence[tuple[str, str]] = (("dlb", "repeat"), ("dlb", "ce"))
    figures: Sequence[str] = ()
    formats: Sequence[Literal["csv", "md", "tex"]] = ("csv",)
    analyses: "Mapping[str, Callable[..., pandas.DataFrame]]" = field(default_factory=dict)
    follow_up: "Callable[[Grid, pandas.DataFrame], tuple[NamedStudy, str]] | None" = None
    stack: PositiveInt = 1
