"""What the scripts in `figures/` share: one command line, from the folder of a study to the files of a figure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from noisylab.cli.arguments import fail, parse_command_line
from noisylab.core.checks import check_fields
from noisylab.core.files import check_output
from noisylab.data.image_data import check_root


@dataclass(frozen=True)
class Arguments:
    """From which runs, and where to."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    out: Path = Path("figures/out")
    """Folder for the figure and its numbers as CSV."""
    format: tuple[Literal["pdf", "png", "svg"], ...] = ("pdf", "png")
    """File formats."""
    columns: Literal[1, 2] = 2
    """Columns of a paper's page that the figure fits in: 3.3 or 6.8 inches."""
    noise: str | None = None
    """The noise, as the tables name it, for figures of single samples (None: the one with the highest realised rate)."""
    methods: tuple[str, ...] = ()
    """The methods to draw, as the tables name them, in this order (none: all that the figure has room for)."""
    data_root: Path | None = None
    """Folder of a downloaded data set, for figures that show images (None: data)."""


def draw(name: str, description: str) -> None:
    """Draw the figure `name` of the catalogue, and say where it is; what cannot be drawn is said in one line, with status 2."""
    arguments = parse_command_line(Arguments, description)
    try:
        check_fields(arguments)
        if not arguments.format:
            raise ValueError("format must name at least one")
        check_output(arguments.out)
        check_root(arguments.data_root)
        from noisylab.plotting.catalogue import FIGURES
        from noisylab.plotting.study_runs import study_runs
        from noisylab.plotting.style import save_figure

        runs = study_runs(arguments.runs, noise=arguments.noise, methods=arguments.methods, data_root=arguments.data_root)
        drawn = FIGURES[name][0](runs, arguments.columns)
        if drawn is None:
            reason = "no sample is mislabelled, or nothing was recorded of them (of mixed images, --record eval does)"
            raise ValueError(f"the runs in {str(arguments.runs)!r} have nothing to show in this figure: {reason}")
    except ValueError as error:
        fail(error)
    print(*save_figure(drawn[0], arguments.out / name, drawn[1], arguments.format))
