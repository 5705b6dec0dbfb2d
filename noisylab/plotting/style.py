"""Widths, panels and legends of all figures."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from noisylab.core.foreign_text import width_of
from noisylab.core.lines import BREAKS, in_different_lines, in_lines
from noisylab.plotting.drawing_style import style_in_use
from noisylab.plotting.looks import Look
from noisylab.plotting.typesetting import literal

Width: TypeAlias = Literal["column", "page"] | float
"""Width of a figure: a paper's column or page, or inches."""

WIDTHS = {"column": 3.3, "page": 6.8}
# The signs after which a name may be broken, the first that are enough.
CUTS = (BREAKS, f"{BREAKS}(:", f"{BREAKS}(:=")
# The most lines of a name for which there is room, before it is cut.
HIGH = 3
# The height of a page, and that of a legend for which figures have room (inches).
PAGE_HEIGHT, LEGEND_HEIGHT = 9.2, 0.6


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


def legend_entries(axes: Iterable[Axes]) -> tuple[list[Artist], list[str]]:
    """Handles and labels for a legend of several panels: each label once, in the order of the panels."""
    entries: dict[str, Artist] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return list(entries.values()), list(entries)


def exposure_legend(figure: Figure, axes: Iterable[Axes], exposure: pandas.DataFrame, looks: Mapping[str, Look]) -> None:
    """One legend below the figure for the methods in any of the panels, in the order of `looks`, with the images of a run.

    What else has a label in them follows.

    exposure: rows with method and images_processed. looks: of the methods, as they were drawn.
    """
    images = exposure.groupby("method")["images_processed"].mean()
    drawn = dict(zip(*reversed(legend_entries(axes)), strict=True))
    shown = [method for method in looks if looks[method]["label"] in drawn]
    labels = [str(looks[method]["label"]) for method in shown]
    said = [f"{label}: {images[method]:,.0f} images" for method, label in zip(shown, labels, strict=True)]
    others = [label for label in drawn if label not in labels]
    shared_legend(figure, [drawn[label] for label in [*labels, *others]], [*said, *others])


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


def share_text(value: float, digits: int = 3) -> str:
    """A share in decimals, `.560`; 1 is the only one that reads so.

    Example:
        >>> from noisylab.plotting.style import share_text
        >>> share_text(0.56), share_text(0.9996), share_text(1.0)
        ('.560', '.999', '1')
    """
    return "1" if value == 1 else f"{min(round(value, digits), 1 - 10**-digits):.{digits}f}"[1:]


def narrow(names: Sequence[str], width: int) -> list[str]:
    r"""Each name in lines of at most `width` characters and of about one length, for a place of a figure.

    Different names stay different.

    Example:
        >>> from noisylab.plotting.style import narrow
        >>> print(*narrow(["dlb(temperature=4.0, alpha=3.0)", "CE"], 30), sep="\n")
        dlb(temperature=4.0,
        alpha=3.0)
        CE
    """
    cut = dict(zip(names, in_different_lines(names, width, after=CUTS[1]), strict=True))
    return ["\n".join(map(str.strip, _balanced(name, width) or cut[name])) for name in names]


def _balanced(name: str, width: int) -> list[str]:
    """A name in as few lines as fit, each as short as the others let it; none if it must be cut."""
    for after in CUTS:
        # Later lines are indented by two.
        lines = ([*map(str.strip, in_lines(name, room, after=after).split("\n"))] for room in range(8, width + 3))
        if fitting := [each for each in lines if len(each) <= HIGH and max(map(width_of, each)) <= width]:
            return min(fitting, key=lambda each: (len(each), max(map(width_of, each))))
    return []


def make_room(figure: Figure, panels: Sequence[Axes], height: float, highest: float) -> None:
    """Make a figure of panels in a grid higher until each of them is `height` inches high, whatever its texts need.

    highest: of the figure, in inches.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    lines = len({panel.get_subplotspec().rowspan.start for panel in panels})  # type: ignore[union-attr]
    lacking = height - figure.get_figheight() * min(panel.get_position().height for panel in panels)
    if lacking > 0:
        figure.set_figheight(max(figure.get_figheight(), min(figure.get_figheight() + lines * lacking, highest)))


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
