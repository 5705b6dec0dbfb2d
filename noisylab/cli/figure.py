"""Draw a figure from the finished runs of a study, without training; write LaTeX with its caption, and its numbers as CSV.

Example: noisylab figure memorisation runs/noise_sweep

Another choice beside it: noisylab figure memorisation runs/noise_sweep --noise symmetric:0.2 --name memorisation_low
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import tyro

from noisylab.analysis.display_names import labels_of
from noisylab.cli.arguments import parse_command_line, settings_of
from noisylab.core.checks import PositiveInt, check_fields
from noisylab.core.files import check_folder, check_output, check_stem
from noisylab.core.foreign_text import printable
from noisylab.core.registries import FIGURES
from noisylab.data.image_data import check_root
from noisylab.plotting.venues import VenueName

Format = Literal["pdf", "png", "svg", "pgf"]


@dataclass(frozen=True)
class Arguments:
    """The figure, the runs, and the files."""

    figure: tyro.conf.Positional[str]
    """The figure (noisylab list figures), or `all`."""
    runs: tyro.conf.Positional[Path]
    """Folder of a study."""
    out: Path = Path("figures/out")
    """Folder for the figure, LaTeX that includes it, and its numbers as CSV."""
    name: str | None = None
    """Name of the files and of the label in LaTeX, so that several choices stand side by side; for `all` it stands before the
    figures' own names (None: the figure's own name, whose files the next call replaces)."""
    format: tuple[Format, ...] = ("pdf", "png")
    """File formats; pgf needs LaTeX."""
    width: Literal["column", "page"] | float = "page"
    """Width of the figure: column (3.3 inches, or the venue's), page (6.8, or the venue's), or a number of inches."""
    venue: VenueName | None = None
    """Where the figure will appear: gives its widths, text height, fonts and font sizes."""
    style: tuple[str, ...] = ()
    """Styles of matplotlib, names or files, on top of the usual one."""
    title: bool = True
    """Whether the title stands above the figure; the caption in the .tex file says the same."""
    noise: str | None = None
    """The noise, as the tables name it, shown alone (None: as many as fit, or of single samples the highest realised rate)."""
    methods: tuple[str, ...] = ()
    """The methods to draw, as the tables name them, in this order (none: all that the figure has room for)."""
    panels: PositiveInt | None = None
    """The most noises, methods or contrasts with a panel of their own (None: all that the figure has room for)."""
    where: tuple[str, ...] = ()
    """Settings of the runs to draw, KEY=VALUE each (none: all runs)."""
    label: tuple[str, ...] = ()
    """Names of methods, noises or data, SPEC=TEXT each: "dlb(alpha=3)=DLB, strong"; repeatable (none: the usual ones)."""
    data_root: Path | None = None
    """Folder of a downloaded data set, for figures that show images (None: data)."""


def main(args: Sequence[str]) -> int:
    """Draw one figure or all, and print the paths."""
    arguments = parse_command_line(Arguments, "figure", __doc__, args)
    check_fields(arguments)
    if not arguments.format:
        raise ValueError("--format must name at least one")
    if (suffix := arguments.out.suffix[1:]) in get_args(Format):
        advice = f"--out {arguments.out.parent} --format {suffix}"
        raise ValueError(f"--out is the folder of the figure, got {str(arguments.out)!r}; write {advice}")
    every = arguments.figure == "all"
    names = list(FIGURES.entries()) if every else [arguments.figure]
    stems = [FIGURES.parse(name).name for name in names]
    if arguments.name is not None:
        stem = check_stem("--name", arguments.name)
        stems = [f"{stem}-{own}" for own in stems] if every else [stem]
    check_folder(arguments.runs)
    check_output(arguments.out)
    check_root(arguments.data_root)
    where, labels = settings_of(arguments.where), labels_of(arguments.label)
    from noisylab.plotting.catalogue import draw_figure, why_not
    from noisylab.plotting.study_runs import study_runs

    chosen: dict[str, Any] = {"noise": arguments.noise, "methods": arguments.methods, "where": where}
    runs = study_runs(arguments.runs, **chosen, data_root=arguments.data_root, labels=labels)
    page: dict[str, Any] = {key: getattr(arguments, key) for key in ("width", "venue", "style", "title", "panels")}
    status = 0
    for name, stem in zip(names, stems, strict=True):
        try:
            drawn = draw_figure(name, runs, **page)
            print(*drawn.save(arguments.out / stem, arguments.format), sep="\n")
        except Exception as error:  # a figure that fails costs itself only
            if not every:
                raise
            print(printable(f"no figure {name}: {why_not(error)}"))
            status = status if isinstance(error, ValueError) else 1
    return status
