"""What the scripts in `figures/` share: one command line, from the folder of a study to the files of a figure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas
import tyro
from matplotlib.figure import Figure

from noisylab.cli import check_output, fail, parse_command_line
from noisylab.plotting.style import save_figure
from noisylab.runs import collect


@dataclass(frozen=True)
class Arguments:
    """From which runs, and where to."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    out: Path = Path("figures/out")
    """Folder for the figure, as PDF, PNG and its numbers as CSV."""


def draw(
    name: str, description: str, figure_of: Callable[[pandas.DataFrame, Path], tuple[Figure, pandas.DataFrame] | None]
) -> None:
    """Draw the figure that `figure_of` makes of a study's results and folder, and say where it is."""
    arguments = parse_command_line(Arguments, description)
    try:
        check_output(arguments.out)
        results = collect(arguments.runs)
        if results.empty:
            raise ValueError(f"{str(arguments.runs)!r} holds no finished runs")
        drawn = figure_of(results, arguments.runs)
        if drawn is None:
            raise ValueError(f"the runs in {str(arguments.runs)!r} have nothing to show in this figure")
    except ValueError as error:
        fail(error)
    print(*save_figure(drawn[0], arguments.out / name, drawn[1]))
