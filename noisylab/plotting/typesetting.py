"""All text of a figure is drawn as it is, whatever it holds; with TeX if `rcParams` say so."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from matplotlib.axis import Axis, Tick
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

from noisylab.core.foreign_text import drawable, for_latex
from noisylab.plotting.line_breaks import balanced

# The share of a line that a title fills at most.
ROOM = 0.96
# What a typeset text was before, and what it became; a reader's own later text is neither.
_TYPESET: WeakKeyDictionary[Text, tuple[str, str]] = WeakKeyDictionary()


def typeset(figure: Figure, *, tex: bool) -> None:
    """Hand all text of a figure that was made in `paper_style` to the typesetter, once.

    In that style a $ begins no formula and nothing is set by TeX. Here characters that the font lacks become their escapes, and
    with `tex` everything is escaped for TeX.
    """
    # The walk through a figure makes all its ticks: once is enough.
    parts = figure.findobj()
    in_ticks = {label for tick in parts if isinstance(tick, Tick) for label in (tick.label1, tick.label2)}
    for axis in parts:
        if isinstance(axis, Axis):
            _typeset_ticks(axis, tex)
    for text in parts:
        if not isinstance(text, Text):
            continue
        # In the style no text has formulas, so one that may has been here before, or is a reader's own.
        if text in in_ticks:
            text.set_usetex(tex)
        elif not text.get_parse_math():
            _set(text, text.get_text(), tex)
            text.set_parse_math(True)


@contextmanager
def escaped_for_tex(figure: Figure) -> Iterator[None]:
    """A context in which all text of a typeset figure is escaped for TeX, for files that TeX reads."""
    before = [
        (text, shown, said)
        for text in figure.findobj(Text)
        if (said := as_written(text)) is not None and not text.get_usetex() and (shown := text.get_text())
    ]
    formatters = [f for axis in figure.findobj(Axis) if isinstance(f := axis.get_major_formatter(), _Literal) and not f.tex]
    for text, _, said in before:
        _set_for_tex(text, said)
    for formatter in formatters:
        formatter.tex = True
    try:
        yield
    finally:
        for text, shown, _ in before:
            text.set_text(shown)
            text.set_usetex(False)
        for formatter in formatters:
            formatter.tex = False


def as_written(text: Text) -> str | None:
    """What a typeset text said before it was typeset; None for a reader's own text."""
    said, shown = _TYPESET.get(text, ("", None))
    return said if shown == text.get_text() else None


def title_lines(figure: Figure) -> list[str]:
    """The lines of the title of a typeset figure, as they were written."""
    title = getattr(figure, "_suptitle", None)
    said = None if title is None else as_written(title)
    return [line for line in (said or "").split("\n") if line]


def shorten_title(figure: Figure, most: int, unless_room: str, *, tex: bool) -> None:
    """Leave out of the title of a typeset figure what has no room in `most` lines.

    That is `unless_room`, then the facts behind the first line, from the end: parts with a ; or a line end between them.
    Without LaTeX, text of TeX has no width, and is refused when it is drawn.
    """
    if tex and shutil.which("latex") is None:
        return
    title: Any = getattr(figure, "_suptitle", None)
    said = None if title is None else as_written(title)
    if said:
        # The width of the figure may have changed.
        _set(title, said, tex)
    while said and _lines(title) > most:
        end = max(said.rfind("; "), said.rfind("\n"))
        if unless_room and unless_room in said:
            said = said.replace(unless_room, "", 1)
        elif end > 0:
            said = said[:end]
        else:
            break
        _set(title, said, tex)


def remove_title(figure: Figure) -> None:
    """Take the title of a figure away, and give its room to the panels."""
    title = getattr(figure, "_suptitle", None)
    if title is not None:
        title.remove()
        figure._suptitle = None  # type: ignore[attr-defined]


def literal(text: str, families: Sequence[str], *, tex: bool) -> str:
    """Text of several lines in characters that can be drawn, escaped if it is for TeX."""
    lines = [drawable(line, tuple(families), tex=tex) for line in text.split("\n")]
    return "\n".join(map(for_latex, lines) if tex else lines)


def _set(text: Text, said: str, tex: bool) -> None:
    if tex:
        _set_for_tex(text, said)
    else:
        text.set_text(_in_lines(text, literal(said, text.get_fontfamily(), tex=False)).replace("$", r"\$"))
    _TYPESET[text] = said, text.get_text()


def _lines(text: Any) -> int:
    """The number of lines in which a text is drawn."""
    # It needs a renderer, which this call makes.
    text.get_window_extent()
    return 1 + str(text._get_wrapped_text()).count("\n")


def _in_lines(text: Any, said: str) -> str:
    """What a text says, in balanced lines that fit into its figure if it wraps, at any resolution."""
    if not text.get_wrap():
        return said

    def width(line: str) -> float:
        # Matplotlib measures as if there were formulas, even if there are none.
        drawn = literal(line, text.get_fontfamily(), tex=False)
        return float(text._get_rendered_text_width(drawn.replace("$", r"\$")))

    # It needs a renderer, which this call makes; what stands there may have characters that the font lacks.
    text.set_text("x")
    text.get_window_extent()
    # Letters differ by a few percent in their width.
    room = ROOM * text._get_wrap_line_width()
    return "\n".join(balanced(line, width, room) for line in said.split("\n"))


def _set_for_tex(text: Text, said: str) -> None:
    text.set_usetex(False)
    # Matplotlib wraps no text of TeX.
    text.set_text(said.replace("$", r"\$"))
    text.set_text(literal(_in_lines(text, said), (), tex=True))
    text.set_usetex(True)


def _typeset_ticks(axis: Any, tex: bool) -> None:
    # Labels of ticks are made anew whenever the figure is drawn. Other formatters give numbers.
    inner = axis.get_major_formatter()
    if isinstance(inner, FixedFormatter | FuncFormatter) or type(inner).__name__ == "StrCategoryFormatter":
        families = axis.get_label().get_fontfamily()
        axis.set_major_formatter(_Literal(inner, families, tex))


class _Literal(Formatter):
    """The labels of another formatter, as they are."""

    def __init__(self, inner: Formatter, families: Sequence[str], tex: bool) -> None:
        self.inner, self.families, self.tex = inner, families, tex

    def __call__(self, x: float, pos: int | None = None) -> str:
        return literal(self.inner(x, pos), self.families, tex=self.tex)

    def format_ticks(self, values: Any) -> list[str]:
        return [literal(text, self.families, tex=self.tex) for text in self.inner.format_ticks(values)]
