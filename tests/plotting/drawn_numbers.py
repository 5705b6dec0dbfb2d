"""Rules for what is drawn: it is in the table of the figure's numbers, and no share leaves [0, 1].

An artist with gid "guide" (a diagonal, a threshold) is no data, and is not looked up. One with gid "seeds"
holds the lines of seeds.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas
from drawn_page import FACTORS, POINTS, Page, Violation, is_numeric, one_line
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.container import BarContainer, ErrorbarContainer
from numpy.typing import NDArray

_SHARE = re.compile(r"accuracy|\bshare|probability|precision|recall|\brate\b|confidence|auc", re.IGNORECASE)
_GUIDE = "guide"
_SEEDS = "seeds"


class Table:
    """Which columns of a table hold some values, in which unit."""

    def __init__(self, numbers: pandas.DataFrame) -> None:
        numeric = numbers.select_dtypes("number").astype(np.float64)
        self.columns = {str(name): numeric[name].to_numpy() for name in numeric}
        self.bounds: dict[str, NDArray[np.float64]] = {}
        self._ordered: dict[tuple[str, bool, float], NDArray[np.float64]] = {}
        self._known_pairs: dict[tuple[tuple[str, float], ...], set[tuple[str, ...]]] = {}
        for name, values in self.columns.items():
            half = self.columns.get(f"{name}_ci95_half")
            if half is not None:
                ends = np.r_[values - np.nan_to_num(half), values + np.nan_to_num(half), values]
                # A share ends at 0 and 1, a rank at 1 and at the number of methods.
                last = numbers["method"].nunique() if "method" in numbers else 1
                ranks = np.clip(ends, 1, max(last, 1))
                self.bounds[name] = np.r_[ends, np.clip(ends, 0, 1), np.minimum(ends, 1), np.maximum(ends, 0), ranks]

    def holds(
        self, values: NDArray[np.float64], factors: Sequence[float] = FACTORS, *, bounds: bool = False
    ) -> list[tuple[str, float]]:
        """The columns (or intervals) with all the values, and the factor between them."""
        places = {**self.columns, **self.bounds} if bounds else self.columns
        return [
            (name, factor)
            for name, held in places.items()
            for factor in factors
            if len(held) and _all_in(values, self._in_order(name, held, factor))
        ]

    def _in_order(self, name: str, held: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
        """The known values of a column, or of its bounds, in their order and in a unit; kept, as every line asks for them."""
        key = name, held is self.bounds.get(name), factor
        if key not in self._ordered:
            self._ordered[key] = _finite(held * factor)
        return self._ordered[key]

    def closest(self, values: NDArray[np.float64]) -> str:
        """Some of the values that no column holds all of."""
        known = _finite(
            np.concatenate([held * factor for held in self.columns.values() for factor in FACTORS] or [np.empty(0)])
        )
        lacking = [value for value in values.tolist() if not _all_in(np.array([value]), known)] or values.tolist()
        return ", ".join(f"{value:.5g}" for value in list(dict.fromkeys(lacking))[:3])

    def holds_pairs(self, points: NDArray[np.float64], factors: Sequence[Sequence[float]]) -> bool:
        """Whether some row has the pair, for every pair, in the same two columns; factors: of x and of y."""
        wanted = set(zip(*map(_rounded, points.T), strict=True))
        found = [self.holds(values, of_axis) for values, of_axis in zip(points.T, factors, strict=True)]
        return any(wanted <= self._pairs(*pair) for pair in itertools.product(*found))

    def _pairs(self, *columns: tuple[str, float]) -> set[tuple[str, ...]]:
        if columns not in self._known_pairs:
            held = [_rounded(self.columns[name] * factor) for name, factor in columns]
            self._known_pairs[columns] = set(zip(*held, strict=True))
        return self._known_pairs[columns]


def _rounded(values: NDArray[np.float64]) -> list[str]:
    return [f"{value + 0.0:.6g}" for value in values.tolist()]


def _finite(held: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sort(held[np.isfinite(held)])


def _all_in(values: NDArray[np.float64], held: NDArray[np.float64]) -> bool:
    """Whether each value is one of those held, which are in order."""
    if not len(held):
        return not len(values)
    place = np.searchsorted(held, values).clip(1, len(held)) if len(held) > 1 else np.ones(len(values), dtype=int)
    nearest = np.minimum(np.abs(values - held[place - 1]), np.abs(values - held[np.minimum(place, len(held) - 1)]))
    return bool((nearest <= 1e-6 * np.maximum(np.abs(values), 1e-3)).all())


def numbers_in_table(page: Page) -> Iterator[Violation]:
    """What is drawn is in the table of the figure's numbers, with the values of its axis."""
    table = Table(page.drawn.numbers)
    for ax in page.axes:
        numeric = is_numeric(ax.xaxis), is_numeric(ax.yaxis)
        factors = factors_of(ax.xaxis), factors_of(ax.yaxis)
        for what, points in drawn_points(ax):
            points = points[np.isfinite(points).all(axis=1)]
            lacking = [
                f"{letter} {table.closest(points[:, side])}"
                for side, letter in enumerate("xy")
                if numeric[side] and len(points) and not table.holds(points[:, side], factors[side])
            ]
            if lacking:
                yield Violation("not in numbers", f"{what} of {page.panel(ax)}: {'; '.join(lacking)}")
            elif all(numeric) and len(points) and not table.holds_pairs(points, factors):
                yield Violation("not in numbers", f"{what} of {page.panel(ax)}: x and y are not in the same rows")
        for what, values in drawn_values(ax):
            values = values[np.isfinite(values)]
            if len(values) and not (values == 0).all() and not table.holds(values[values != 0]):
                yield Violation("not in numbers", f"{what} of {page.panel(ax)}: {table.closest(values)}")
        for what, ends in interval_ends(ax):
            for side, letter in enumerate("xy"):
                values = np.unique(ends[:, side][np.isfinite(ends[:, side]) & (ends[:, side] != 0)])
                if numeric[side] and len(values) and not table.holds(values, factors[side], bounds=True):
                    yield Violation("not in numbers", f"{what} of {page.panel(ax)}: {letter} {table.closest(values)}")


def factors_of(axis: Axis) -> tuple[float, ...]:
    """The units in which numbers may be drawn along an axis; what its panels share has its label at one of them."""
    shared = axis.axes.get_shared_x_axes() if axis.axis_name == "x" else axis.axes.get_shared_y_axes()
    labels = [getattr(ax, f"get_{axis.axis_name}label")() for ax in shared.get_siblings(axis.axes)]
    return (*FACTORS, POINTS) if any("points" in label for label in labels) else FACTORS


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
    for lines in seed_lines(ax):
        for points in lines.get_segments():
            yield "a seed's line", np.asarray(points, dtype=np.float64)


def seed_lines(ax: Axes) -> list[LineCollection]:
    """The thin lines of seeds in a panel, one artist a method."""
    return [found for found in ax.collections if isinstance(found, LineCollection) and found.get_gid() == _SEEDS]


def drawn_values(ax: Axes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Heights of bars, and cells of heat maps."""
    for bars in ax.containers:
        if isinstance(bars, BarContainer) and bars.datavalues is not None:
            yield f"bars {_name(bars)}", np.asarray(bars.datavalues, dtype=np.float64)
    for mesh in [*ax.images, *(found for found in ax.collections if isinstance(found, QuadMesh))]:
        held = mesh.get_array()
        if mesh.get_gid() != _GUIDE and held is not None and (held.ndim < 3 or isinstance(mesh, QuadMesh)):
            yield "heat map", np.ma.filled(np.ma.asarray(held, dtype=np.float64), np.nan).ravel()


def interval_ends(ax: Axes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Bands and error bars of a panel, each with its corners [N, 2]."""
    for found in ax.collections:
        if not _in_data(found, ax) or found.get_gid() == _SEEDS or len(found.get_offsets()) > 1:
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


def bar_ends(ax: Axes, side: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Where bars along an axis (0 is x) begin and end, stacked ones included."""
    for bars in ax.containers:
        if isinstance(bars, BarContainer) and (bars.orientation == "horizontal") == (side == 0):
            corners = [patch.get_bbox().get_points()[:, side] for patch in bars.patches]
            yield f"bars {_name(bars)}", np.array(corners, dtype=np.float64).ravel()


def shares_bounded(page: Page) -> Iterator[Violation]:
    """No band, interval or bar of a share reaches beyond [0, 1]: neither as it is drawn nor where the panel shows more."""
    for ax in page.axes:
        for side, axis in enumerate((ax.xaxis, ax.yaxis)):
            named = one_line(axis.get_label_text()) or (one_line(ax.get_title()) if side else "")
            if not _SHARE.search(named) or "difference" in named or not is_numeric(axis):
                continue
            low, high = sorted(axis.get_view_interval())
            drawn = [*((what, ends[:, side]) for what, ends in interval_ends(ax)), *bar_ends(ax, side)]
            for what, held in drawn:
                values = held[np.isfinite(held)]
                # What the panel cuts off is not seen.
                seen = values.clip(low, high)
                if len(seen) and (seen.min() < -0.006 or seen.max() > 1.006):
                    yield Violation(
                        "beyond [0, 1]", f"{what} of {page.panel(ax)} on {named!r}: {seen.min():.3g} to {seen.max():.3g}"
                    )
