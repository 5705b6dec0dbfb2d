"""One style for all figures: a fixed colour, marker and line for every method, readable in grey and by the colour-blind."""

import textwrap
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import pandas
import seaborn
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from noisylab.core.foreign_text import short_names
from noisylab.core.lines import in_lines
from noisylab.core.registries import METHODS
from noisylab.plotting.drawing_style import style_in_use
from noisylab.plotting.typesetting import literal

Width: TypeAlias = Literal["column", "page"] | float
"""Width of a figure: a paper's column or page, or inches."""

PALETTE = [*seaborn.color_palette("colorblind")]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
DASHES = ["-", "--", "-.", ":"]

WIDTHS = {"column": 3.3, "page": 6.8}
# The height of a page, and that of a legend for which figures have room (inches).
PAGE_HEIGHT, LEGEND_HEIGHT = 9.2, 0.6

# For everything that belongs to no method.
GROUPS: dict[str, dict[str, Any]] = {
    "clean": {"color": (0.45, 0.45, 0.45), "linestyle": "--"},
    "mislabelled": {"color": PALETTE[3], "linestyle": "-"},
}

# Number of lines that fit in a panel.
LINES = 8


class MethodStyle(NamedTuple):
    """Indices of a method's colour, marker and line in `PALETTE`, `MARKERS` and `DASHES`, and its name."""

    color: int
    marker: int
    dash: int
    label: str


# The three methods of every comparison.
REFERENCE_METHODS = {
    "ce": MethodStyle(7, 0, 1, "CE"),
    "repeat": MethodStyle(1, 1, 2, "repeat"),
    "dlb": MethodStyle(0, 2, 0, "DLB"),
}


def inches(width: Width) -> float:
    """A width in inches. Raises ValueError for an invalid width."""
    if isinstance(width, str) and width in WIDTHS:
        return WIDTHS[width]
    if isinstance(width, bool | str) or not 2 <= width <= 30:
        raise ValueError(f"width must be 'column' (3.3 inches), 'page' (6.8) or inches from 2 to 30, got {width!r}")
    return float(width)


def has_room(width: Width) -> bool:
    """Whether panels fit side by side."""
    return inches(width) >= 5


def method_styles(methods: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Keyword arguments for `Axes.plot` for each method, the same in every figure.

    The style of a registered method depends on its place in the registry, that of a variant such as `dlb(alpha=3)` on its text.
    Only a method whose line would look like that of another one of `methods` gets the next free colour and line.
    """
    known = [name for name in METHODS.entries() if name not in REFERENCE_METHODS]
    free = [color for color in range(len(PALETTE)) if color not in {style.color for style in REFERENCE_METHODS.values()}]
    styles: dict[str, MethodStyle] = {}
    lines: set[tuple[int, int]] = set()
    # In an order that does not depend on that of `methods`, and variants last, so that they give way.
    for name in sorted(set(methods) - set(REFERENCE_METHODS), key=lambda name: (name not in known, name)):
        number = known.index(name) if name in known else zlib.crc32(name.encode()) % 1000
        # Seven colours, four lines and ten markers only repeat together after more methods than there are.
        while (line := (number % len(free), number // len(free) % len(DASHES))) in lines and len(lines) < len(free) * len(
            DASHES
        ):
            number += 1
        lines.add(line)
        styles[name] = MethodStyle(free[line[0]], number, number // len(free) + 1, method_label(name))
    return {name: _for_plot(style) for name, style in (REFERENCE_METHODS | styles).items()}


def _for_plot(style: MethodStyle) -> dict[str, Any]:
    return {
        "color": PALETTE[style.color % len(PALETTE)],
        "marker": MARKERS[style.marker % len(MARKERS)],
        "linestyle": DASHES[style.dash % len(DASHES)],
        "label": style.label,
    }


def first_methods(results: pandas.DataFrame, most: int = LINES) -> tuple[pandas.DataFrame, str]:
    """The rows of the first `most` methods, since more lines cannot be told apart, and a note for the title."""
    methods = list(dict.fromkeys(results["method"]))
    if len(methods) <= most:
        return results, ""
    return results[results["method"].isin(methods[:most])], f", {most} of {len(methods)} methods"


def exposure_legend(figure: Figure, ax: Axes, exposure: pandas.DataFrame) -> None:
    """One legend below the figure for the methods in `ax`, with the images of a run of each.

    exposure: rows with method and images_processed.
    """
    images = exposure.groupby("method")["images_processed"].mean()
    styles = method_styles(map(str, images.index))
    names = {styles[str(method)]["label"]: f"{count:,.0f} images" for method, count in images.items()}
    handles, labels = ax.get_legend_handles_labels()
    shared_legend(figure, handles, [f"{label}: {names[label]}" for label in labels])


def shared_legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """One legend below the figure, with as many columns as fit; long entries are wrapped.

    A high legend makes the figure higher, up to a page, so that it takes no room from the panels.
    """
    # Overrides break where their parts end; all else is filled.
    entries = [
        in_lines(x, 44) if "@" in x else textwrap.fill(x.replace("(\n", "("), 44, subsequent_indent="  ") for x in labels
    ]
    entries = [literal(entry, rcParams["font.family"], tex=False) for entry in entries]
    for columns in range(min(len(entries), 5), 0, -1):
        legend = figure.legend(handles, entries, loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    height = figure.get_figheight() + max(0.0, legend.get_window_extent().height / figure.dpi - LEGEND_HEIGHT)
    figure.set_figheight(max(figure.get_figheight(), min(height, PAGE_HEIGHT)))


def method_label(method: str) -> str:
    """The name of a method in figures, with its options on separate lines if it is long."""
    if method in REFERENCE_METHODS:
        return REFERENCE_METHODS[method].label
    return method if len(method) <= 22 else method.replace(", ", ",\n").replace("(", "(\n", 1)


def short_labels(methods: Iterable[str], longest: int = 24) -> dict[str, str]:
    """The name of each method on one line; different methods have different names."""
    names = list(dict.fromkeys(methods))
    known = [REFERENCE_METHODS[name].label if name in REFERENCE_METHODS else name for name in names]
    return dict(zip(names, short_names(known, longest), strict=True))


def panel_grid(
    count: int, across: int, *, width: float, row: float, rest: float, **options: Any
) -> tuple[Figure, NDArray[np.object_], list[Axes]]:
    """A figure of `count` panels, `across` of them side by side: the figure, the grid, and the panels in reading order.

    row, rest: inches of a row of panels, and of title and legend. options go to `plt.subplots`.
    """
    lines = -(-count // across)
    size = width, row * lines + rest
    figure, grid = plt.subplots(lines, across, figsize=size, squeeze=False, layout="constrained", **options)
    for ax in grid.flat[count:]:
        ax.remove()
    return figure, grid, list(grid.flat[:count])


def paper_style() -> AbstractContextManager[None]:
    """A context with the settings of all figures."""
    return style_in_use().settings()
