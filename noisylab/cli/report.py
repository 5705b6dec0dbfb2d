"""Write one self-contained HTML page of a study: tables, figures, and a sample explorer.

noisylab report runs/STUDY writes runs/STUDY/report.html, which opens in any browser without a network.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from noisylab.cli.arguments import parse_command_line, settings_of
from noisylab.core.files import check_folder, check_output_file
from noisylab.data.image_data import check_root


@dataclass(frozen=True)
class Arguments:
    """The study, and the samples to explore."""

    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    out: Path | None = None
    """The file to write (None: report.html in the study's folder)."""
    noise: str | None = None
    """The noise with which the samples open, as the tables name it (None: the one with the highest realised rate)."""
    seed: int | None = None
    """The seed with which the samples open (None: the first one)."""
    where: tuple[str, ...] = ()
    """Settings of the runs to show, KEY=VALUE each (none: all runs)."""
    columns: tuple[str, ...] = ()
    """Measures of the first table, columns of results.csv (none: the usual ones)."""
    label: tuple[str, ...] = ()
    """Names of methods, noises or data, SPEC=TEXT each: "dlb(alpha=3)=DLB, strong" (none: the usual ones)."""
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
    from noisylab.analysis.display_names import labels_of
    from noisylab.report.page import write_report

    def say(part: str) -> None:
        # Also in a log, where half a minute of silence would look like a fault.
        print(f"report: {part}", file=sys.stderr, flush=True)

    write_report(
        arguments.runs,
        out,
        noise=arguments.noise,
        seed=arguments.seed,
        where=settings_of(arguments.where),
        columns=arguments.columns or None,
        samples=arguments.samples,
        data_root=arguments.data_root,
        labels=labels_of(arguments.label),
        progress=say,
    )
    print(f"{out} ({out.stat().st_size / 2**20:.1f} MiB)")
    return 0
