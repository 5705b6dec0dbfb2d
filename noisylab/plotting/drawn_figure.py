"""`DrawnFigure`: a figure with the numbers that it shows."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.figure import Figure

from noisylab.core.files import expanded, write_atomically
from noisylab.core.foreign_text import for_csv
from noisylab.plotting.style import paper_style
from noisylab.plotting.typesetting import typeset

FORMATS = ("pdf", "png", "svg")


@dataclass(frozen=True)
class DrawnFigure:
    """A figure, its numbers and its caption. Notebooks show it as a picture.

    Attributes:
        figure: The matplotlib figure.
        numbers: The plotted numbers.
        caption: What the figure shows.

    Example:
        >>> from noisylab.plotting.catalogue import draw_figure
        >>> from noisylab.plotting.study_runs import study_runs
        >>> drawn = draw_figure("memorisation", study_runs("runs/noise_sweep"))  # doctest: +SKIP
        >>> drawn.save("paper/memorisation")  # doctest: +SKIP
    """

    figure: Figure
    numbers: pandas.DataFrame
    caption: str = ""

    def __post_init__(self) -> None:
        # Otherwise pyplot would show it a second time, and keep it forever.
        plt.close(self.figure)
        typeset(self.figure)

    def save(self, path: str | PathLike[str], formats: Sequence[str] = ("pdf", "png")) -> list[Path]:
        """Write the figure in every format, and its numbers as CSV; each file is written completely or not at all.

        Args:
            path: The path without an ending. An ending that is a format selects only that format.
            formats: Any of pdf, png, svg.

        Returns:
            The paths of the files. Equal numbers give equal files.

        Raises:
            ValueError: If a format is unknown.
        """
        stem = expanded(path)
        if stem.suffix[1:] in FORMATS:
            stem, formats = stem.with_suffix(""), (stem.suffix[1:],)
        if not formats or not set(formats) <= set(FORMATS):
            raise ValueError(f"formats must be of {', '.join(FORMATS)}, got {', '.join(formats) or 'none'}")
        contents = {kind: self.rendered(kind) for kind in formats} | {"csv": for_csv(self.numbers).encode()}
        stem.parent.mkdir(parents=True, exist_ok=True)
        paths = [stem.with_name(f"{stem.name}.{kind}") for kind in contents]
        for file, content in zip(paths, contents.values(), strict=True):
            write_atomically(file, content)
        return paths

    def rendered(self, kind: str, **options: Any) -> bytes:
        """The content of a file of this format; options go to `Figure.savefig`."""
        buffer = io.BytesIO()
        # No creation time, so that equal numbers give equal files.
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
        with paper_style():
            self.figure.savefig(buffer, format=kind, metadata=metadata, **options)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.rendered("png")
