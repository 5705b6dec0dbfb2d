"""`DrawnFigure`: a figure with the numbers that it shows."""

import copy
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.figure import Figure

from noisylab.core.files import expanded, write_atomically
from noisylab.core.foreign_text import for_csv
from noisylab.plotting.drawing_style import DrawingStyle, check_tex, style_in_use
from noisylab.plotting.typesetting import escaped_for_tex, literal, typeset

FORMATS = ("pdf", "png", "svg", "pgf")
# What LaTeX needs to include a file, the format that it takes first at the top.
PACKAGES = {"pdf": "graphicx", "pgf": "pgf", "png": "graphicx", "svg": "svg"}
# Pixels per inch of images and other rasters within drawings.
RASTER = 400
# The width in inches above which a figure spans the columns of a page, if no venue says it.
COLUMN = 3.4


@dataclass(frozen=True)
class DrawnFigure:
    """A figure, its numbers and its caption. Notebooks show it as a picture.

    Attributes:
        figure: The matplotlib figure.
        numbers: The plotted numbers.
        caption: What the figure shows, and of which runs.
        style: The settings with which it was drawn, and is written.
        finding: A sentence with its main numbers, for those who do not see it.

    Example:
        >>> from noisylab.plotting.catalogue import draw_figure
        >>> from noisylab.plotting.study_runs import study_runs
        >>> drawn = draw_figure("memorisation", study_runs("runs/noise_sweep"))  # doctest: +SKIP
        >>> drawn.save("paper/memorisation")  # doctest: +SKIP
    """

    figure: Figure
    numbers: pandas.DataFrame
    caption: str = ""
    style: DrawingStyle = field(default_factory=style_in_use, repr=False)
    finding: str = ""

    def __post_init__(self) -> None:
        # Otherwise pyplot would show it a second time, and keep it forever.
        plt.close(self.figure)
        with self.style.settings():
            typeset(self.figure, tex=self.style.tex)

    def with_caption(self, caption: str) -> "DrawnFigure":
        """The same figure, which is typeset already, with another caption."""
        other = copy.copy(self)
        object.__setattr__(other, "caption", caption)
        return other

    def save(self, path: str | PathLike[str], formats: str | Sequence[str] = ("pdf", "png")) -> list[Path]:
        """Write the figure in every format, LaTeX that includes it, and its numbers as CSV.

        Each file is written completely or not at all.

        Args:
            path: The path without an ending. An ending that is a format selects only that format.
            formats: One or several of pdf, png, svg, pgf.

        Returns:
            The paths of the files: the figure's, the LaTeX, and the CSV last. Equal numbers give equal files.

        Raises:
            ValueError: If a format is unknown, or needs LaTeX and there is none.
        """
        stem = expanded(path)
        if stem.suffix[1:] in FORMATS:
            stem, formats = stem.with_suffix(""), (stem.suffix[1:],)
        formats = (formats,) if isinstance(formats, str) else formats
        if not formats or not set(formats) <= set(FORMATS):
            raise ValueError(f"formats must be of {', '.join(FORMATS)}, got {', '.join(formats) or 'none'}")
        contents: dict[str, str | bytes] = {}
        with self._laid_out():
            for kind in formats:
                contents |= self._pgf(stem.name) if kind == "pgf" else {f"{stem.name}.{kind}": self.rendered(kind)}
        contents[f"{stem.name}.tex"] = self.latex(stem.name, next(kind for kind in PACKAGES if kind in formats))
        contents[f"{stem.name}.csv"] = for_csv(self.numbers)
        stem.parent.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_atomically(stem.with_name(name), content)
        return [stem.with_name(name) for name in contents]

    def rendered(self, kind: str, **options: Any) -> bytes:
        """The content of a file of this format; options go to `Figure.savefig`.

        The images of a pgf file are further files, which `save` writes.
        """
        if kind == "pgf":
            return self._pgf("figure", **options)["figure.pgf"]
        if self.style.tex:
            check_tex("latex", "text.usetex")
        buffer = io.BytesIO()
        # No creation time, so that equal numbers give equal files.
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
        raster = {} if kind == "png" else {"dpi": RASTER}
        with self.style.settings():
            self.figure.savefig(buffer, format=kind, metadata=metadata, **raster | options)
        return buffer.getvalue()

    @contextmanager
    def _laid_out(self) -> Iterator[None]:
        """Inside, the panels keep their places, so that the files of all formats share one layout."""
        engine, dpi = self.figure.get_layout_engine(), self.figure.dpi
        with self.style.settings():
            if engine is not None:
                resolution = plt.rcParams["savefig.dpi"]
                self.figure.dpi = dpi if resolution == "figure" else resolution
                engine.execute(self.figure)
                self.figure.dpi = dpi
                self.figure.set_layout_engine(None)
        try:
            yield
        finally:
            self.figure.set_layout_engine(engine)

    def latex(self, name: str, kind: str = "pdf") -> str:
        r"""A figure environment of LaTeX with the file `name` of this format, the caption, and the label `fig:name`."""
        width = self.figure.get_figwidth()
        page = self.style.page
        spans = width > COLUMN if page is None else width > page.column + 0.05
        environment = "figure*" if spans and (page is None or page.column < page.page) else "figure"
        # No wider than the line that it stands in, or its letters would be scaled up.
        fitting = rf"width=\ifdim {width:.3f}in>\linewidth \linewidth\else {width:.3f}in\fi"
        include = {"pgf": rf"\input{{{name}.pgf}}", "svg": rf"\includesvg[{fitting}]{{{name}}}"}
        lines = [
            f"% \\usepackage{{{PACKAGES[kind]}}}",
            rf"\begin{{{environment}}}[tb]",
            r"  \centering",
            "  " + include.get(kind, rf"\includegraphics[{fitting}]{{{name}}}"),
            rf"  \caption{{{literal(self.caption, (), tex=True)}}}",
            rf"  \label{{fig:{re.sub(r'[^A-Za-z0-9_.:-]+', '-', name)}}}",
            rf"\end{{{environment}}}",
        ]
        return "\n".join(lines) + "\n"

    def _pgf(self, name: str, **options: Any) -> dict[str, bytes]:
        """The contents of the pgf file and of the images that it includes, by their names."""
        with TemporaryDirectory() as folder, self.style.settings():
            check_tex(plt.rcParams["pgf.texsystem"], "pgf")
            with escaped_for_tex(self.figure):
                self.figure.savefig(Path(folder) / f"{name}.pgf", **{"dpi": RASTER} | options)
            return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}

    def _repr_png_(self) -> bytes:
        return self.rendered("png")
