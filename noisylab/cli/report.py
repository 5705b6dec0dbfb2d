"""Write one self-contained HTML page of a study: tables, figures, and a sample explorer.

noisylab report runs/STUDY writes runs/STUDY/report.html, which opens in any browser without a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line, settings_of
from noisylab.core.files import check_folder, check_output_file, make_output, write_atomically
from noisylab.data.image_data import check_root


@dataclass(frozen=True)
class Arguments:
    """The study, and the samples to explore."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    out: Path | None = None
    """The file to write (None: report.html in the study's folder)."""
    noise: str | None = None
    """The noise whose samples can be explored, as the tables name it (None: the one with the highest realised rate)."""
    seed: int | None = None
    """The seed of the explored runs (None: the first one)."""
    where: tuple[str, ...] = ()
    """Settings of the runs to show, KEY=VALUE each (none: all runs)."""
    columns: tuple[str, ...] = ()
    """Measures of the first table, columns of results.csv (none: the usual ones)."""
    data_root: Path | None = None
    """Folder of a downloaded data set, for the images of the samples (None: data)."""
    samples: bool = True
    """Whether the page has a sample explorer."""

    def __post_init__(self) -> None:
        if self.seed is not None and not self.samples:
            raise ValueError("--seed chooses the samples to explore, and --no-samples leaves them out")


def main(args: Sequence[str]) -> int:
    """Write the page, and print its path."""
    arguments = parse_command_line(Arguments, "report", __doc__, args)
    out = arguments.out or arguments.runs / "report.html"
    check_folder(arguments.runs)
    check_output_file(out)
    check_root(arguments.data_root)
    from noisylab.plotting.study_runs import study_runs
    from noisylab.report.page import build_page, explore

    where = settings_of(arguments.where)
    runs = study_runs(arguments.runs, noise=arguments.noise, where=where, data_root=arguments.data_root)
    explored = explore(runs, arguments.seed) if arguments.samples else None
    page = build_page(runs, explored=explored, columns=arguments.columns or None)
    make_output(out.parent)
    write_atomically(out, page)
    print(f"{out} ({out.stat().st_size / 2**20:.1f} MiB)")
    return 0
