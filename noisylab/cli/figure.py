"""Draw a figure from the finished runs of a study, without training: its files, and its numbers as CSV.

For instance: noisylab figure memorisation runs/noise_sweep
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core.checks import check_fields
from noisylab.core.files import check_output
from noisylab.data.image_data import check_root


@dataclass(frozen=True)
class Arguments:
    """Which figure, from which runs, and where to."""

    name: tyro.conf.Positional[str]
    """The figure (noisylab list figures), or all."""
    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    out: Path = Path("figures/out")
    """Folder for the figure and its numbers as CSV."""
    format: tuple[Literal["pdf", "png", "svg"], ...] = ("pdf", "png")
    """File formats."""
    width: Literal[1, 2] = 2
    """Columns of a paper's page that the figure fits in: 3.3 or 6.8 inches."""
    noise: str | None = None
    """The noise, as the tables name it, for figures of single samples (None: the one with the highest realised rate)."""
    methods: tuple[str, ...] = ()
    """The methods to draw, as the tables name them, in this order (none: all that the figure has room for)."""
    data_root: Path | None = None
    """Folder of a downloaded data set, for figures that show images (None: data)."""


def main(args: Sequence[str]) -> int:
    """Draw one figure or all of them, and print where they are."""
    arguments = parse_command_line(Arguments, "figure", __doc__, args)
    check_fields(arguments)
    if not arguments.format:
        raise ValueError("--format must name at least one")
    check_output(arguments.out)
    check_root(arguments.data_root)
    from noisylab.plotting.catalogue import FIGURES
    from noisylab.plotting.study_runs import study_runs
    from noisylab.plotting.style import save_figure

    if arguments.name not in (*FIGURES, "all"):
        raise ValueError(f"unknown figure {arguments.name!r}; choose from {', '.join(FIGURES)}, all")
    runs = study_runs(arguments.runs, noise=arguments.noise, methods=arguments.methods, data_root=arguments.data_root)
    for name in FIGURES if arguments.name == "all" else [arguments.name]:
        drawn = FIGURES[name][0](runs, arguments.width)
        if drawn is None:
            reason = "no sample is mislabelled, or nothing was recorded of them (of mixed images, --record eval does)"
            if arguments.name != "all":
                raise ValueError(f"the runs in {str(arguments.runs)!r} have nothing to show in this figure: {reason}")
            print(f"no figure {name}: {reason}")
        else:
            print(*save_figure(drawn[0], arguments.out / name, drawn[1], arguments.format))
    return 0
