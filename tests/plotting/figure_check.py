"""What a figure must keep, whatever study it is drawn from: checked on the drawn page, not on how it was made.

    python -m tests.plotting.figure_check STUDY...

prints what every registered figure violates on studies on disk, in both widths. An artist with gid "guide" (a diagonal, a
threshold) is no data, and is not looked up among the numbers.
"""

import itertools
import re
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection, LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, Container, ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.offsetbox import DrawingArea
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, PercentFormatter, ScalarFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from noisylab.core.registries import FIGURES
from noisylab.plotting.catalogue import draw_figure, why_not
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.plotting.style import WIDTHS

# Inches: the highest figure of each width, and the smallest panel.
HIGHEST = {"column": 8.0, "page": 9.2}
SMALLEST = (0.9, 0.6)
# Pixels by which texts may touch or leave the page.
TOLERANCE = 1.0
# Units in which a number may be drawn: as it is, in percent, in thousands.
FACTORS = (1.0, 100.0, 0.001)
# Figures whose panels are single samples.
CONTACT_SHEETS = ("suspicious_samples",)
# Where drawn numbers are of another kind than those of the table, and why.
DERIVED: dict[str, str] = {"suspicious_samples": "images, and curves of single samples, which the records hold"}
# Figures that have nothing to show of a study: a part of the reason that they give.
REFUSED: dict[str, dict[str, str]] = {}
_SHARE = re.compile(r"accuracy|\bshare|probability|precision|recall|\brate\b|confidence|auc", re.IGNORECASE)
_GUIDE = "guide"


class Violation(NamedTuple):
    """What a figure violates: the kind of rule, and what was found."""

    kind: str
    what: str


def check(drawn: DrawnFigure, width: str = "page", name: str = "") -> list[Violation]:
    """All that a drawn figure violates. name: the figure's, for exemptions."""
    page = Page(drawn)
    return [
        *(Violation("warning", said) for said in page.warnings),
        *texts_on_page(page),
        *texts_apart(page),
        *no_paths(page),
        *legend_complete(page),
        *looks_unique(page),
        *labels_apart(page),
        *sizes(page, width, panels=name not in CONTACT_SHEETS),
        *(numbers_in_table(page) if name not in DERIVED else ()),
        *shares_bounded(page),
        *([] if drawn.caption.strip() else [Violation("caption", "it is empty")]),
    ]


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


# Texts


def texts_on_page(page: Page) -> Iterator[Violation]:
    """No text leaves the page."""
    edge = page.figure.bbox
    for text in page.texts:
        box = text.get_window_extent(page.renderer)
        beyond = max(edge.x0 - box.x0, edge.y0 - box.y0, box.x1 - edge.x1, box.y1 - edge.y1)
        if beyond > TOLERANCE:
            yield Violation("outside", f"{one_line(text.get_text())!r} by {beyond:.0f} px")


def texts_apart(page: Page) -> Iterator[Violation]:
    """No text lies over another one."""
    boxes = [text.get_window_extent(page.renderer) for text in page.texts]
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


# Looks


Look = tuple[str, ...]


def look_of(artist: Any) -> Look | None:
    """What tells an artist from others: the colour with dash, marker and its filling; or the colour with the hatch."""
    if isinstance(artist, ErrorbarContainer):
        artist = artist.lines[0] or artist.lines[2][0]
    elif isinstance(artist, Container):
        artist = next((part for part in artist if isinstance(part, Artist)), None)
    if isinstance(artist, Line2D):
        return _look_of_lines([artist])
    if isinstance(artist, PathCollection):
        face, edge = artist.get_facecolor(), artist.get_edgecolor()
        shape = artist.get_paths()[0]
        filled = _hex(face[0]) if len(face) else ""
        return "points", _hex(edge[0]) if len(edge) else filled, filled, str(hash(shape.vertices.tobytes()) % 10**6)
    if isinstance(artist, LineCollection):
        return "line", _hex(artist.get_color()[0]), "", "", ""
    if isinstance(artist, Collection):
        face = artist.get_facecolor()
        return ("area", _hex(face[0]) if len(face) else "", artist.get_hatch() or "")
    if isinstance(artist, Patch):
        return "area", _hex(artist.get_facecolor()), artist.get_hatch() or ""
    return None


def _look_of_lines(lines: Sequence[Line2D]) -> Look:
    """The look of lines that together are one entry: one for the dash, one for the marker, others for caps."""
    marked = [line for line in lines if _marker(line) and (len(lines) == 1 or _marker(line) not in ("|", "_"))]
    dashed = [line for line in lines if line.get_linestyle() not in ("None", "none", " ", "") and line.get_visible()]
    dash = str(getattr(dashed[-1], "_unscaled_dash_pattern", dashed[-1].get_linestyle())) if dashed else ""
    marker = _marker(marked[-1]) if marked else ""
    filled = _hex(marked[-1].get_markerfacecolor()) if marked else ""
    return "line", _hex((marked or dashed or list(lines))[-1].get_color()), dash, marker, filled


def _marker(line: Line2D) -> str:
    marker = line.get_marker()
    return "" if marker in ("None", "none", " ", "", None) else str(marker)


def _hex(color: Any) -> str:
    return "none" if isinstance(color, str) and color == "none" else to_hex(color)


def entries_of(legend: Legend) -> list[tuple[str, Look | None]]:
    """Text and look of every entry of a legend, in its order."""
    boxes = [box for box in legend.findobj(DrawingArea) if isinstance(box, DrawingArea)]
    entries = []
    for box, text in zip(boxes, legend.get_texts(), strict=True):
        parts = [part for part in box.get_children() if part.get_visible()]
        lines = [part for part in parts if isinstance(part, Line2D)]
        others = [look for part in parts if not isinstance(part, Line2D) if (look := look_of(part))]
        entries.append((text.get_text(), _look_of_lines(lines) if lines else others[0] if others else None))
    return entries


def labelled(page: Page) -> Iterator[tuple[Axes, Any, str]]:
    """Every artist of a panel that has a label, with it."""
    for ax in page.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            yield ax, handle, label


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text.replace(r"\$", "$"))


def _names(entry: str, label: str) -> bool:
    """Whether an entry is of a label: the label alone, or with more said after it."""
    entry, label = _bare(entry), _bare(label)
    return entry == label or entry.startswith((f"{label}:", f"{label},"))


def legend_complete(page: Page) -> Iterator[Violation]:
    """Every labelled artist of every panel is named in a legend, or beside its line."""
    written = {text.get_text() for text in page.texts}
    labels = {label: ax for ax, _, label in labelled(page)}
    for label, ax in labels.items():
        if not any(_names(entry, label) for entry in written):
            yield Violation("legend lacks", f"{one_line(label)!r} of {page.panel(ax)}")


def looks_unique(page: Page) -> Iterator[Violation]:
    """One look for one label in the whole figure, and another one for any other label; legends show those looks."""
    looks: dict[str, set[Look]] = defaultdict(set)
    for _, artist, label in labelled(page):
        if look := look_of(artist):
            looks[one_line(label)].add(look)
    for label, found in looks.items():
        if len(found) > 1:
            yield Violation("two looks", f"{label!r} is drawn as {_said(found)}")
    owners: dict[Look, set[str]] = defaultdict(set)
    for label, found in looks.items():
        for look in found:
            owners[look].add(label)
    for legend in page.legends:
        for entry, look in entries_of(legend):
            if look is None:
                continue
            known = [label for label in looks if _names(entry, label)]
            owners[look].update(known or [one_line(entry)])
            if known and not any(look in looks[label] for label in known):
                drawn = _said(set().union(*(looks[label] for label in known)))
                yield Violation("legend differs", f"{one_line(entry)!r} is {_said({look})} in the legend, drawn as {drawn}")
    for look, labels in owners.items():
        if len(labels) > 1:
            yield Violation("same look", f"{', '.join(map(repr, sorted(labels)))} are all {_said({look})}")
    # A patch and a line of one colour are taken for the same thing.
    colours: dict[str, dict[bool, set[str]]] = defaultdict(lambda: defaultdict(set))
    for look, labels in owners.items():
        colours[look[1]][look[0] == "area"] |= labels
    for colour, kinds in colours.items():
        if kinds[True] and kinds[False] - kinds[True]:
            yield Violation("same colour", f"area {sorted(kinds[True])} and line {sorted(kinds[False])} are {colour}")


def _said(looks: Iterable[Look]) -> str:
    return " and ".join(sorted(" ".join(filter(None, look)) for look in looks))


# Sizes


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


# Numbers


class Table:
    """Which columns of a table hold some values, in which unit."""

    def __init__(self, numbers: pandas.DataFrame) -> None:
        numeric = numbers.select_dtypes("number").astype(np.float64)
        self.columns = {str(name): numeric[name].to_numpy() for name in numeric}
        self.bounds: dict[str, NDArray[np.float64]] = {}
        self._known_pairs: dict[tuple[tuple[str, float], ...], set[tuple[str, ...]]] = {}
        for name, values in self.columns.items():
            half = self.columns.get(f"{name}_ci95_half")
            if half is not None:
                ends = np.r_[values - np.nan_to_num(half), values + np.nan_to_num(half), values]
                self.bounds[name] = np.r_[ends, np.clip(ends, 0, 1), np.minimum(ends, 1), np.maximum(ends, 0)]

    def holds(self, values: NDArray[np.float64], *, bounds: bool = False) -> list[tuple[str, float]]:
        """The columns (or intervals) with all the values, and the factor between them."""
        places = {**self.columns, **self.bounds} if bounds else self.columns
        return [
            (name, factor)
            for name, held in places.items()
            for factor in FACTORS
            if len(held) and _all_in(values, held * factor)
        ]

    def closest(self, values: NDArray[np.float64]) -> str:
        """Some of the values that no column holds all of."""
        known = np.concatenate([held * factor for held in self.columns.values() for factor in FACTORS] or [np.empty(0)])
        lacking = [value for value in values.tolist() if not _all_in(np.array([value]), known)] or values.tolist()
        return ", ".join(f"{value:.5g}" for value in list(dict.fromkeys(lacking))[:3])

    def holds_pairs(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
        """Whether some row has the pair, for every pair, in the same two columns."""
        wanted = set(zip(_rounded(x), _rounded(y), strict=True))
        return any(wanted <= self._pairs(*pair) for pair in itertools.product(self.holds(x), self.holds(y)))

    def _pairs(self, *columns: tuple[str, float]) -> set[tuple[str, ...]]:
        if columns not in self._known_pairs:
            held = [_rounded(self.columns[name] * factor) for name, factor in columns]
            self._known_pairs[columns] = set(zip(*held, strict=True))
        return self._known_pairs[columns]


def _rounded(values: NDArray[np.float64]) -> list[str]:
    return [f"{value + 0.0:.6g}" for value in values.tolist()]


def _all_in(values: NDArray[np.float64], held: NDArray[np.float64]) -> bool:
    held = np.sort(held[np.isfinite(held)])
    if not len(held):
        return not len(values)
    place = np.searchsorted(held, values).clip(1, len(held)) if len(held) > 1 else np.ones(len(values), dtype=int)
    nearest = np.minimum(np.abs(values - held[place - 1]), np.abs(values - held[np.minimum(place, len(held) - 1)]))
    return bool((nearest <= 1e-6 * np.maximum(np.abs(values), 1e-3)).all())


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


def numbers_in_table(page: Page) -> Iterator[Violation]:
    """What is drawn is in the table of the figure's numbers, with the values of its axis."""
    table = Table(page.drawn.numbers)
    for ax in page.axes:
        numeric = is_numeric(ax.xaxis), is_numeric(ax.yaxis)
        for what, points in drawn_points(ax):
            points = points[np.isfinite(points).all(axis=1)]
            lacking = [
                f"{letter} {table.closest(points[:, side])}"
                for side, letter in enumerate("xy")
                if numeric[side] and len(points) and not table.holds(points[:, side])
            ]
            if lacking:
                yield Violation("not in numbers", f"{what} of {page.panel(ax)}: {'; '.join(lacking)}")
            elif all(numeric) and len(points) and not table.holds_pairs(points[:, 0], points[:, 1]):
                yield Violation("not in numbers", f"{what} of {page.panel(ax)}: x and y are not in the same rows")
        for what, values in drawn_values(ax):
            values = values[np.isfinite(values)]
            if len(values) and not (values == 0).all() and not table.holds(values[values != 0]):
                yield Violation("not in numbers", f"{what} of {page.panel(ax)}: {table.closest(values)}")
        for what, ends in interval_ends(ax):
            for side, letter in enumerate("xy"):
                values = np.unique(ends[:, side][np.isfinite(ends[:, side]) & (ends[:, side] != 0)])
                if numeric[side] and len(values) and not table.holds(values, bounds=True):
                    yield Violation("not in numbers", f"{what} of {page.panel(ax)}: {letter} {table.closest(values)}")


def _in_data(artist: Artist, ax: Axes) -> bool:
    return artist.get_visible() and artist.get_gid() != _GUIDE and artist.get_transform() == ax.transData


def drawn_points(ax: Axes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Lines and scattered points in a panel, each with its vertices [N, 2]; those that span the panel are none."""
    for line in ax.lines:
        caps = any(line in container.lines[1] for container in ax.containers if isinstance(container, ErrorbarContainer))
        if _in_data(line, ax) and not caps:
            yield f"line {_name(line)}", np.asarray(line.get_xydata(), dtype=np.float64)
    for points in ax.collections:
        if isinstance(points, PathCollection) and points.get_visible() and points.get_gid() != _GUIDE:
            yield f"points {_name(points)}", np.ma.filled(np.ma.asarray(points.get_offsets(), dtype=np.float64), np.nan)


def drawn_values(ax: Axes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Heights of bars, and cells of heat maps."""
    for bars in ax.containers:
        if isinstance(bars, BarContainer) and bars.datavalues is not None:
            yield f"bars {_name(bars)}", np.asarray(bars.datavalues, dtype=np.float64)
    for mesh in [*ax.images, *(found for found in ax.collections if isinstance(found, QuadMesh))]:
        held = mesh.get_array()
        if held is not None and (held.ndim < 3 or isinstance(mesh, QuadMesh)):
            yield "heat map", np.ma.filled(np.ma.asarray(held, dtype=np.float64), np.nan).ravel()


def interval_ends(ax: Axes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Bands and error bars of a panel, each with its corners [N, 2]."""
    for found in ax.collections:
        if not _in_data(found, ax) or len(found.get_offsets()) > 1:
            continue
        if isinstance(found, LineCollection):
            # An interval that is not known has no ends.
            segments = [ends for part in found.get_segments() if (ends := np.asarray(part, dtype=np.float64)).size]
            if segments:
                yield "interval", np.concatenate(segments)
        elif isinstance(found, PolyCollection):
            paths = [path.vertices for path in found.get_paths() if len(path.vertices)]
            if paths:
                yield "band", np.concatenate(paths)


def _name(artist: Any) -> str:
    label = str(artist.get_label())
    return "without a label" if label.startswith("_") else repr(one_line(label))


def shares_bounded(page: Page) -> Iterator[Violation]:
    """No band and no interval of a share reaches beyond [0, 1]: neither as it is drawn nor where the panel shows more."""
    for ax in page.axes:
        for side, axis in enumerate((ax.xaxis, ax.yaxis)):
            named = one_line(axis.get_label_text()) or (one_line(ax.get_title()) if side else "")
            if not _SHARE.search(named) or "difference" in named or not is_numeric(axis):
                continue
            top = 100 if "%" in named else 1
            low, high = sorted(axis.get_view_interval())
            for what, ends in interval_ends(ax):
                values = ends[:, side][np.isfinite(ends[:, side])]
                # What the panel cuts off is not seen.
                seen = values.clip(low, high)
                if len(seen) and (seen.min() < -0.006 * top or seen.max() > 1.006 * top):
                    yield Violation(
                        "beyond [0, 1]", f"{what} of {page.panel(ax)} on {named!r}: {seen.min():.3g} to {seen.max():.3g}"
                    )


# Studies


def check_drawn(name: str, runs: StudyRuns, width: str) -> list[Violation]:
    """All that a registered figure violates; one that refuses is one violation of kind `refused`, with its reason."""
    try:
        drawn = draw_figure(name, runs, width=width)  # type: ignore[arg-type]
    except ValueError as error:
        return [Violation("refused", " ".join(str(error).split()))]
    except Exception as error:
        return [Violation("failed", why_not(error))]
    return check(drawn, width, name)


def brief(found: Sequence[Violation], most: int = 3) -> list[Violation]:
    """The first violations of each kind, and how many more there are."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for each in found:
        kinds[each.kind].append(each.what)
    return [
        Violation(kind, what + (f" (and {len(said) - most} more)" if place == most - 1 and len(said) > most else ""))
        for kind, said in kinds.items()
        for place, what in enumerate(said[:most])
    ]


def main() -> None:
    """Print a table of violations."""
    print("| figure | study | width | kind | what |\n|---|---|---|---|---|")
    for folder in map(Path, sys.argv[1:]):
        runs = study_runs(folder)
        for name, width in itertools.product(FIGURES.entries(), WIDTHS):
            for kind, what in brief(check_drawn(name, runs, width)):
                print(f"| {name} | {folder.name} | {width} | {kind} | {what.replace('|', '&#124;')} |", flush=True)


if __name__ == "__main__":
    main()
