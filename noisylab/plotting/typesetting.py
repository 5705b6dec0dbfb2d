"""All text of a figure is drawn as it is, whatever it holds; with TeX if `rcParams` say so."""

from collections.abc import Sequence
from typing import Any

from matplotlib import rcParams
from matplotlib.axis import Axis, Tick
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

from noisylab.core.foreign_text import drawable, for_latex


def typeset(figure: Figure) -> None:
    """Hand all text of a figure that was made in `paper_style` to the typesetter, once.

    In that style a $ begins no formula and nothing is set by TeX. Here characters that the font lacks become their escapes, and
    with `rcParams["text.usetex"]` everything is escaped for TeX.
    """
    tex: bool = rcParams["text.usetex"]
    in_ticks = {label for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    for axis in figure.findobj(Axis):
        _typeset_ticks(axis, tex)
    for text in figure.findobj(Text):
        # In the style no text has formulas, so one that may has been here before, or is a reader's own.
        if text in in_ticks:
            text.set_usetex(tex)
        elif not text.get_parse_math():
            shown = literal(text.get_text(), text.get_fontfamily(), tex=tex)
            # Matplotlib breaks lines as if there were formulas, even if there are none.
            text.set_text(shown if tex else shown.replace("$", r"\$"))
            text.set_parse_math(True)
            text.set_usetex(tex)


def literal(text: str, families: Sequence[str], *, tex: bool) -> str:
    """Text of several lines in characters that can be drawn, escaped if it is for TeX."""
    lines = [drawable(line, tuple(families), tex=tex) for line in text.split("\n")]
    return "\n".join(map(for_latex, lines) if tex else lines)


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
