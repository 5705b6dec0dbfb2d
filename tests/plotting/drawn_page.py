"""A figure as it is drawn, and rules for its texts and sizes: what leaves the page, lies over another text, or is too small."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property, wraps
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, PercentFormatter, ScalarFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.style import WIDTHS

# Inches: the highest figure of each width, and the smallest panel.
HIGHEST = {"column": 8.0, "page": 9.2}
SMALLEST = (0.9, 0.6)
# Lines of a figure's title.
LINES = 3
# Pixels by which texts may touch or leave the page.
TOLERANCE = 1.0
# Units in which a number may be drawn: as it is, or in thousands; on an axis of points also as a hundredth of a share.
FACTORS, POINTS = (1.0, 0.001), 100.0


class Violation(NamedTuple):
    """What a figure violates: the kind of rule, and what was found."""

    kind: str
    what: str


class Page:
    """A figure as it is drawn: the texts that reach the page, with their boxes."""

    def __init__(self, drawn: DrawnFigure) -> None:
        self.drawn, self.figure = drawn, drawn.figure
        self.canvas = FigureCanvasAgg(self.figure)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.texts = self._drawn_texts()
        self.warnings = sorted({" ".join(str(each.message).split())[:160] for each in caught})
        self.renderer = self.canvas.get_renderer()

    def _drawn_texts(self) -> list[Text]:
        found: list[Text] = []
        original = Text.draw

        @wraps(original)
        def draw(text: Text, renderer: Any, *args: Any, **kwargs: Any) -> Any:
            found.append(text)
            return original(text, renderer, *args, **kwargs)

        with mock.patch.object(Text, "draw", draw):
            self.canvas.draw()
        return [text for text in dict.fromkeys(found) if text.get_visible() and text.get_text().strip()]

    @cached_property
    def axes(self) -> list[Axes]:
        """The panels, without colour bars."""
        return [ax for ax in self.figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]

    @cached_property
    def boxes(self) -> list[Bbox]:
        """The box of every text, in pixels."""
        return [text.get_window_extent(self.renderer) for text in self.texts]

    @cached_property
    def legends(self) -> list[Legend]:
        """All legends."""
        return [found for found in self.figure.findobj(Legend) if isinstance(found, Legend) and found.get_visible()]

    def panel(self, ax: Axes) -> str:
        """How to name a panel."""
        names = [ax.get_title(), ax.get_ylabel(), ax.get_xlabel()]
        return f"panel {self.axes.index(ax) + 1} ({next(filter(None, map(one_line, names)), 'no title')})"


def one_line(text: str) -> str:
    """Text on one line, as a reader sees it."""
    return " ".join(text.replace(r"\$", "$").split())


def assert_readable(drawn: DrawnFigure) -> Page:
    """Fail if a text of a figure lies over another one or leaves the page; returns the page."""
    page = Page(drawn)
    found = [f"{kind}: {what}" for kind, what in (*texts_on_page(page), *texts_apart(page))]
    assert not found, "\n".join(found)
    return page


# Rules


def texts_on_page(page: Page) -> Iterator[Violation]:
    """No text leaves the page."""
    edge = page.figure.bbox
    for text, box in zip(page.texts, page.boxes, strict=True):
        beyond = max(edge.x0 - box.x0, edge.y0 - box.y0, box.x1 - edge.x1, box.y1 - edge.y1)
        if beyond > TOLERANCE:
            yield Violation("outside", f"{one_line(text.get_text())!r} by {beyond:.0f} px")


def texts_apart(page: Page) -> Iterator[Violation]:
    """No text lies over another one."""
    boxes = page.boxes
    edges = np.array([box.extents for box in boxes]).reshape(-1, 4)
    low, high = (
        np.maximum(edges[:, None, :2], edges[None, :, :2]),
        np.minimum(edges[:, None, 2:], edges[None, :, 2:]),
    )
    near = np.argwhere(np.triu((high - low > TOLERANCE).all(axis=2), 1))
    for first, second in near.tolist():
        pair = page.texts[first], page.texts[second]
        if _overlap(*(_corners(text, boxes[n], page) for text, n in zip(pair, (first, second), strict=True))):
            yield Violation("overlap", " over ".join(repr(one_line(text.get_text())) for text in pair))


def _corners(text: Text, box: Bbox, page: Page) -> NDArray[np.float64]:
    """The corners of a text, which for a slanted one are not those of its box."""
    angle = text.get_rotation()
    if angle % 90 == 0:
        width, height, turn = box.width, box.height, 0.0
    else:
        text.set_rotation(0)
        flat = text.get_window_extent(page.renderer)
        text.set_rotation(angle)
        width, height, turn = flat.width, flat.height, np.deg2rad(angle)
    half = np.maximum(np.array([width, height]) - TOLERANCE, 0) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    cos, sin = np.cos(turn), np.sin(turn)
    centre = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    return np.asarray(corners @ np.array([[cos, sin], [-sin, cos]]) + centre)


def _overlap(one: NDArray[np.float64], two: NDArray[np.float64]) -> bool:
    """Whether two rectangles overlap: no side separates them."""
    for corners in (one, two):
        for side in (corners[1] - corners[0], corners[2] - corners[1]):
            a, b = one @ side, two @ side
            if a.max() <= b.min() or b.max() <= a.min():
                return False
    return True


def no_paths(page: Page) -> Iterator[Violation]:
    """No text, and nothing in the numbers, tells where a file lies."""
    texts = [(one_line(text.get_text()), "text") for text in page.texts] + [(page.drawn.caption, "caption")]
    for column in page.drawn.numbers.select_dtypes(exclude=["number", "bool"]):
        texts += [(str(value), f"numbers, column {column}") for value in page.drawn.numbers[column].unique()]
    for text, where in texts:
        if "/" in text:
            yield Violation("path", f"{text!r} in {where}")


def labels_apart(page: Page) -> Iterator[Violation]:
    """No two ticks of an axis, and no two entries of a legend, have the same name."""
    for ax in page.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if not is_numeric(axis):
                yield from _repeated((tick.label1.get_text() for tick in ticks_of(axis)), f"ticks of {page.panel(ax)}")
    for legend in page.legends:
        yield from _repeated((text.get_text() for text in legend.get_texts()), "entries of a legend")


def _repeated(names: Iterable[str], where: str) -> Iterator[Violation]:
    for name, count in Counter(filter(None, map(one_line, names))).items():
        if count > 1:
            yield Violation("same name", f"{count} {where} are {name!r}")


def short_title(page: Page) -> Iterator[Violation]:
    """The title has at most three lines; the caption says the rest."""
    title = getattr(page.figure, "_suptitle", None)
    if title in page.texts and (lines := 1 + title._get_wrapped_text().count("\n")) > LINES:
        yield Violation("long title", f"{lines} lines: {one_line(title.get_text())!r}")


def sizes(page: Page, width: str, *, panels: bool = True) -> Iterator[Violation]:
    """The figure fits its page, and its panels can be read."""
    across, high = page.figure.get_size_inches()
    if across > WIDTHS[width] + 0.01:
        yield Violation("too wide", f"{across:.2f} inches")
    if high > HIGHEST[width] + 0.01:
        yield Violation("too high", f"{high:.2f} inches, of at most {HIGHEST[width]}")
    for ax in page.axes if panels else ():
        box = ax.get_window_extent(page.renderer)
        size = box.width / page.figure.dpi, box.height / page.figure.dpi
        if size[0] < SMALLEST[0] - 0.005 or size[1] < SMALLEST[1] - 0.005:
            yield Violation("small panel", f"{page.panel(ax)} is {size[0]:.2f} x {size[1]:.2f} inches")


def one_scale(page: Page) -> Iterator[Violation]:
    """Panels that stand in a row, or below one another in a single column, and show the same measure, have one scale for it."""
    groups: dict[tuple[Any, ...], list[Axes]] = {}
    columns = {place.colspan.start for ax in page.axes if (place := ax.get_subplotspec())}
    for ax in page.axes:
        if (place := ax.get_subplotspec()) and is_numeric(ax.yaxis):
            line = place.rowspan.start if len(columns) > 1 else 0
            groups.setdefault((place.get_gridspec(), line), []).append(ax)
    for panels in groups.values():
        first = panels[0]
        for ax in panels[1:]:
            same = one_line(ax.get_ylabel()) in ("", one_line(first.get_ylabel()))
            if same and not np.allclose(ax.get_ylim(), first.get_ylim()):
                limits = " and ".join(f"{low:.3g} to {high:.3g}" for low, high in (first.get_ylim(), ax.get_ylim()))
                yield Violation("two scales", f"{page.panel(first)} and {page.panel(ax)}: {limits}")


# Axes


def ticks_of(axis: Axis) -> list[Any]:
    """The major ticks in view."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * max(abs(low), abs(high), 1)
    return [tick for tick in axis.get_major_ticks() if low - slack <= tick.get_loc() <= high + slack]


def is_numeric(axis: Axis) -> bool:
    """Whether places on an axis are the numbers that its ticks name, rather than places of names."""
    formatter = axis.get_major_formatter()
    if isinstance(formatter, ScalarFormatter | LogFormatter | PercentFormatter):
        return True
    read = []
    for tick in ticks_of(axis):
        text = tick.label1.get_text().replace("\N{MINUS SIGN}", "-").replace(",", "").replace("%", "").strip()
        if not text:
            continue
        try:
            read.append((float(text), tick.get_loc()))
        except ValueError:
            return False
    return bool(read) and all(
        any(np.isclose(shown, factor * place, rtol=0.02, atol=1e-9) for factor in FACTORS) for shown, place in read
    )
