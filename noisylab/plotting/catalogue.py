"""Every figure by name. Each is a file in this folder that registers a function in `FIGURES`."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from noisylab.core.foreign_text import one_line
from noisylab.core.registries import FIGURES
from noisylab.plotting.backgrounds import suit_background
from noisylab.plotting.captions import caption_of
from noisylab.plotting.drawing_style import Styles, drawing_style
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches
from noisylab.plotting.typesetting import remove_title, shorten_title

# Inches: of the text of a page if no venue says it, and of the highest figure in a column and over the page.
TEXT = 9.0
HIGHEST = {False: 8.0, True: 9.0}
# A caption of 10 pt: letters in a line of an inch, at least, inches of a line, and those of the space above and below it.
LETTERS, LINE, SPACE = 14, 12 / 72, 0.35
# Lines of a title; a caption says what has no room there.
TITLE = 3
# The least share of its height at which a figure can be read, and the least height of its panels in inches, which may be less
# in the small fonts of venues.
CROWDED, LOW = 0.7, {False: 0.6, True: 0.5}
# Pixels by which texts may overlap, as fonts leave a rim; lower left and upper right corners of two boxes.
TOUCHING = 1.0
EDGES = ((np.maximum, slice(0, 2)), (np.minimum, slice(2, 4)))
# The numbers of panels that are tried if a page is too low for all.
FEWER = (4, 2, 1)


def why_not(error: Exception) -> str:
    """Why there is no figure, on one line: a ValueError says it; the name of any other error is part of the reason."""
    said = one_line(error)
    return said if isinstance(error, ValueError) else f"it failed with {type(error).__name__}: {said}"


def caption_height(caption: str, width: float) -> float:
    """The height in inches that a caption takes, at most, below a figure in lines of `width` inches."""
    numbered = f"Figure 10: {caption}"
    return SPACE + LINE * math.ceil(len(numbered) / (LETTERS * width))


def draw_figure(
    name: str,
    runs: StudyRuns,
    *,
    width: Width = "page",
    venue: str | None = None,
    style: Styles = (),
    title: bool = True,
    panels: int | None = None,
    **options: Any,
) -> DrawnFigure:
    """A figure of a study by name.

    Args:
        name: The name of the figure, or its spec with options: `memorisation`, `axis_comparison(axis='augment')`.
        runs: From `study_runs`.
        width: "column" (3.3 inches, or a column of the venue), "page" (6.8, or the text of the venue), or inches.
        venue: Where the figure will appear, such as "icml" (`noisylab.plotting.venues.VENUES`): its widths, text height, fonts
            and font sizes.
        style: Styles of matplotlib, names or files, on top of ours and the venue's.
        title: Whether the figure has its title above it; the caption says the same.
        panels: The most noises, methods or contrasts with a panel of their own, the first ones; None: as many as fit.
        options: Options of the figure, which replace those in `name`.

    Returns:
        The figure, its numbers and its caption. With its caption it is not higher than the text of its page, 9 inches or the
        venue's, and in a column not higher than 8 inches. If that is too low for all panels, fewer are drawn, and the title
        says so.

    Raises:
        ValueError: If the figure, the venue or a style is unknown, the runs have nothing to show, or the page is too low for
            it; the message gives the reason.

    Example:
        >>> from noisylab.plotting.catalogue import draw_figure
        >>> from noisylab.plotting.study_runs import study_runs
        >>> drawn = draw_figure("noise_robustness", study_runs("runs/noise_sweep"), width="column")  # doctest: +SKIP
        >>> drawn.numbers[["noise", "method", "test_accuracy_last"]]  # doctest: +SKIP
    """
    spec = FIGURES.parse(name)
    unknown = options.keys() - spec.options.keys()
    if unknown:
        known = f"its options are {', '.join(spec.options)}" if spec.options else "it has no options"
        raise ValueError(f"figure {spec.name!r} has no option {', '.join(sorted(unknown))}; {known}")
    if panels is not None and panels < 1:
        raise ValueError(f"panels must be at least 1, got {panels}")
    chosen = drawing_style(venue, style)
    size = inches(width if chosen.page is None or not isinstance(width, str) else chosen.page.widths.get(width, width))
    asked, facts = {**spec.options, **options}, FIGURES.entries()[spec.name].facts
    everyone: set[str] = set()
    for count, smaller in _attempts(panels, asked, facts.get("smaller", ())):
        some = runs if count is None else replace(runs, panels=count)
        with chosen.in_use():
            drawn: DrawnFigure = FIGURES.load(spec.name)(some, width=size, **{**asked, **smaller})
        drawn = _finished(drawn, drawn.caption or facts["caption"], some, size)
        highest, methods = _highest(drawn, size), set(drawn.numbers.get("method", ()))
        everyone = everyone or methods
        # Methods that the reader chose are all drawn.
        if _fits(drawn, highest, in_parts=not runs.methods) and (methods == everyone or not runs.methods):
            if not title:
                remove_title(drawn.figure)
            return drawn
    raise ValueError(
        f"figure {spec.name} cannot be read in {size:.1f} x {highest:.1f} inches, not even a part of it; "
        "choose another width or venue, or draw fewer methods (--methods)"
    )


def _attempts(
    panels: int | None, asked: Mapping[str, Any], smaller: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
    """The numbers of panels and the options with which a figure is drawn until it fits its page, the largest first.

    smaller: options with which a figure of one panel is smaller, of which those are left out that the reader chose.
    """
    counts = [panels, *(count for count in FEWER if count < (panels or math.inf))]
    yield from ((count, {}) for count in counts)
    for options in smaller:
        if all(asked[name] is None for name in options):
            yield counts[-1], options


def _finished(drawn: DrawnFigure, shown: str, runs: StudyRuns, size: float) -> DrawnFigure:
    """A figure with its caption, and with colours, a title and a width that suit the page; shown: what it shows."""
    suit_background(drawn.figure)
    page = drawn.style.page
    if page and drawn.figure.get_figwidth() < size:
        # Few panels fit one column.
        drawn.figure.set_figwidth(min(drawn.figure.get_figwidth(), page.column))
    caption = caption_of(shown, drawn.figure, drawn.numbers, runs)
    shorten_title(drawn.figure, TITLE, runs.size, tex=drawn.style.tex)
    return drawn.with_caption(caption)


def _highest(drawn: DrawnFigure, size: float) -> float:
    """The height in inches that a page leaves to a figure and its caption; slides have no captions."""
    page = drawn.style.page
    below = 0.0 if drawn.style.venue == "beamer" else caption_height(drawn.caption, size)
    return min(HIGHEST[has_room(size)], (page.height if page else TEXT) - below)


def _fits(drawn: DrawnFigure, highest: float, *, in_parts: bool = True) -> bool:
    """Whether a figure can be read in the fonts of its page, no higher than is possible there.

    in_parts: whether fewer panels could be drawn instead; if not, a page without a venue may be a little crowded.
    """
    figure, height = drawn.figure, drawn.figure.get_figheight()
    if height <= highest and drawn.style.venue is None:
        return True
    if highest < CROWDED * height:
        return False
    figure.set_figheight(min(height, highest))
    if drawn.style.venue is None and not in_parts:
        return True
    with drawn.style.settings():
        figure.draw_without_rendering()
    # Neither colour bars nor samples.
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>" and (ax.get_xlabel() or ax.get_ylabel())]
    low = LOW[drawn.style.venue is not None]
    return all(ax.get_position().height * figure.get_figheight() >= low for ax in panels) and _apart(figure, panels)


def _apart(figure: Figure, panels: Sequence[Axes]) -> bool:
    """Whether the titles and labels of panels are within the figure and lie over none of each other."""
    # Of rows with names, also these.
    rows = [label for ax in panels if isinstance(ax.yaxis.get_major_locator(), FixedLocator) for label in ax.get_yticklabels()]
    texts = [*rows, *(text for ax in panels for text in (ax.title, ax.xaxis.label, ax.yaxis.label))]
    boxes = [text.get_window_extent() for text in texts if text.get_visible() and text.get_text().strip()]
    edges = np.array([box.extents for box in boxes]).reshape(-1, 4)
    low, high = (reduce(edges[:, None, side], edges[None, :, side]) for reduce, side in EDGES)
    over = (high - low > TOUCHING).all(axis=2)
    inside = (edges[:, :2] > -TOUCHING).all() and (edges[:, 2:] < [x + TOUCHING for x in figure.bbox.size]).all()
    return bool(inside and not np.triu(over, 1).any())
