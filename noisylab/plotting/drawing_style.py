"""The settings of matplotlib with which figures are drawn and written: ours, a venue's, a reader's own styles."""

import difflib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
from matplotlib import rcParams
from matplotlib.font_manager import fontManager

from noisylab.core.files import expanded
from noisylab.plotting.venues import Page, venue_page

Styles: TypeAlias = str | PathLike[str] | Sequence[str | PathLike[str]]
"""Styles of matplotlib, names or files; later ones win."""

OURS = Path(__file__).with_name("noisylab.mplstyle")

# Whatever a style says: figures keep their size, text is text and can be searched, and equal numbers give equal files.
FIXED: dict[str, Any] = {
    # Text is drawn as it is: a dollar begins no formula, and TeX comes in once the text is escaped for it (typesetting.py).
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "savefig.bbox": "standard",
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "noisylab",
    "pgf.texsystem": "pdflatex",
    "pgf.rcfonts": False,
}


# Styles of SciencePlots, to name it to those who lack it.
SCIENCE = (
    *("science", "ieee", "nature", "no-latex", "notebook", "scatter", "grid", "latex-sans", "sans", "pgf"),
    *("bright", "high-contrast", "high-vis", "light", "muted", "retro", "std-colors", "vibrant"),
    *("cjk-jp-font", "cjk-kr-font", "cjk-sc-font", "cjk-tc-font", "russian-font", "turkish-font"),
)
# Settings that are lengths, of the page or in points.
_SIZE = re.compile(r"size|width|\.dpi$|pad|^figure\.subplot\.|^legend\.(border|label|handle|column)")


@dataclass(frozen=True)
class DrawingStyle:
    """A venue and styles on top of ours, and whether TeX sets the text. Made by `drawing_style`."""

    venue: str | None
    styles: tuple[str, ...]
    tex: bool

    @property
    def page(self) -> Page | None:
        """The page of the venue, if there is one."""
        return None if self.venue is None else venue_page(self.venue, tex=self.tex)

    def settings(self) -> AbstractContextManager[None]:
        """A context with the settings of matplotlib."""
        known = [self._without_sizes(name) for name in self.styles]
        layers: list[Any] = [OURS, *([self.page.settings] if self.page else []), *known]
        with plt.style.context(layers):
            # By name, since families such as serif hold fonts that are not there.
            fonts = {} if self.tex else {"font.family": _installed(rcParams["font.family"])}
        return plt.style.context([*layers, fonts | FIXED])

    def _without_sizes(self, style: str) -> "str | dict[str, Any]":
        """A style of matplotlib without its sizes, which are for screens, and with a venue without fonts; a file as it is."""
        if style not in plt.style.library:
            return style
        return {
            name: value
            for name, value in plt.style.library[style].items()
            if not _SIZE.search(name) and not (self.venue and name.startswith("font."))
        }

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A context in which figures are drawn in this style."""
        token = _IN_USE.set(self)
        try:
            yield
        finally:
            _IN_USE.reset(token)


_IN_USE: ContextVar[DrawingStyle | None] = ContextVar("drawing style", default=None)


def style_in_use() -> DrawingStyle:
    """The style in which figures are drawn here; by default ours."""
    return _IN_USE.get() or drawing_style()


def drawing_style(venue: str | None = None, styles: Styles = ()) -> DrawingStyle:
    """The style for a venue, with a reader's own styles on top.

    Args:
        venue: A key of `noisylab.plotting.venues.VENUES`.
        styles: Names or files of styles of matplotlib, those of SciencePlots included if it is installed.

    Returns:
        The style. TeX sets the text if `rcParams` or a style say so.

    Raises:
        ValueError: If the venue or a style is unknown.

    Example:
        >>> from noisylab.plotting.drawing_style import drawing_style
        >>> with drawing_style("icml").settings():
        ...     plt.rcParams["font.size"]
        8.0
    """
    names = tuple(map(_known_style, [styles] if isinstance(styles, str | PathLike) else styles))
    if venue is not None:
        venue_page(venue)
    with plt.style.context(list(names)):
        tex: bool = rcParams["text.usetex"]
    return DrawingStyle(venue, names, tex)


def check_tex(program: str, what: str) -> None:
    """Raise ValueError if a program of TeX is not there."""
    if shutil.which(program) is None:
        raise ValueError(f"{what} needs LaTeX, and there is no {program} on the PATH; install TeX Live, or do without")


def _known_style(style: str | PathLike[str]) -> str:
    if style not in plt.style.library:
        with suppress(ImportError):
            # It adds its styles to matplotlib's.
            import_module("scienceplots")
    if style in plt.style.library:
        return str(style)
    if (file := expanded(style)).is_file():
        return str(file.absolute())
    if style in SCIENCE:
        raise ValueError(f"style {style!r} is one of SciencePlots, which is not installed; pip install SciencePlots")
    there = [name for name in plt.style.available if not name.startswith("_")]
    near = difflib.get_close_matches(str(style), there, n=1)
    said = f"did you mean {near[0]!r}? Styles are" if near else "they are"
    raise ValueError(f"style must be a file or a style of matplotlib, got {str(style)!r}; {said} {', '.join(there)}")


def _installed(families: Sequence[str]) -> list[str]:
    """The fonts of families by name, in their order; generic families give those of their fonts that are there."""
    there = {font.name for font in fontManager.ttflist}
    settings: Any = rcParams
    names: list[str] = []
    for family in families:
        generic = settings.get(f"font.{family}")
        names += [family] if generic is None else [name for name in generic if name in there]
    return list(dict.fromkeys(names)) or ["DejaVu Sans"]
