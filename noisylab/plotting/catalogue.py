"""Every figure by name. Each is a file in this folder that registers a function in `FIGURES`."""

import math
import warnings
from typing import Any

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
# The least share of its height at which a figure can be read.
CROWDED = 0.7


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
        options: Options of the figure, which replace those in `name`.

    Returns:
        The figure, its numbers and its caption. With its caption it is not higher than the text of its page, 9 inches or the
        venue's, and in a column not higher than 8 inches.

    Raises:
        ValueError: If the figure, the venue or a style is unknown, or the runs have nothing to show; the message gives the
            reason.

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
    chosen = drawing_style(venue, style)
    size = inches(width if chosen.page is None or not isinstance(width, str) else chosen.page.widths.get(width, width))
    with chosen.in_use():
        drawn: DrawnFigure = FIGURES.load(spec.name)(runs, width=size, **{**spec.options, **options})
    suit_background(drawn.figure)
    if chosen.page and drawn.figure.get_figwidth() < size:
        # Few panels fit one column.
        drawn.figure.set_figwidth(min(drawn.figure.get_figwidth(), chosen.page.column))
    shown = drawn.caption or FIGURES.entries()[spec.name].facts["caption"]
    caption = caption_of(shown, drawn.figure, drawn.numbers, runs)
    shorten_title(drawn.figure, TITLE, runs.size, tex=drawn.style.tex)
    # Slides have no captions.
    below = 0.0 if venue == "beamer" else caption_height(caption, size)
    highest = min(HIGHEST[has_room(size)], (chosen.page.height if chosen.page else TEXT) - below)
    if (height := drawn.figure.get_figheight()) > highest:
        drawn.figure.set_figheight(highest)
        if highest < CROWDED * height:
            warnings.warn(
                f"figure {spec.name} is made for a height of {height:.1f} inches and is crowded in {highest:.1f}; "
                "draw fewer methods or noises, or give another width",
                stacklevel=2,
            )
    if not title:
        remove_title(drawn.figure)
    return drawn.with_caption(caption)
