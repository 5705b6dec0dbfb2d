"""Colours on a dark background, for styles that have one: ours are made for white."""

from collections.abc import Iterator
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.typing import ColorType

from noisylab.plotting.colours import contrast, shaded

# The contrast that lines and marks need (WCAG 2.1).
SEEN = 3


def suit_background(figure: Figure) -> None:
    """Change what is drawn on dark panels, once: greys are mirrored, so that black becomes white, and dark colours lightened.

    Heat maps keep their colours, and so do the numbers in them.
    """
    for ax in figure.axes:
        for artist in _drawn(ax) if is_dark(ax.get_facecolor()) else ():
            _suit(artist, ax.get_facecolor())
    # To look for them in the whole figure would work out the ticks of all panels.
    for legend in (*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))):
        face = figure.get_facecolor() if legend.axes is None else legend.axes.get_facecolor()
        for artist in legend.findobj(lambda each: isinstance(each, Line2D | Patch | Collection)) if is_dark(face) else ():
            if artist is not legend.get_frame():
                _suit(artist, face)


def is_dark(face: ColorType) -> bool:
    """Whether white is seen better on a background than black."""
    return contrast("white", face) > contrast("black", face)


def suited(colour: ColorType, face: ColorType) -> tuple[float, float, float, float]:
    """A colour for a dark background: the mirrored grey, or as light as it must be to be seen.

    Example:
        >>> from noisylab.plotting.backgrounds import suited
        >>> suited("black", "black"), suited("tab:orange", "black") == suited("tab:orange", "white")
        ((1.0, 1.0, 1.0, 1.0), True)
    """
    red, green, blue, alpha = to_rgba(colour)
    is_grey = max(red, green, blue) - min(red, green, blue) < 0.02
    # A light grey on white, as of a grid, stays as faint.
    wanted = min(SEEN, contrast((red, green, blue), "white")) if is_grey else SEEN
    start = (1 - red, 1 - green, 1 - blue) if is_grey else (red, green, blue)
    shades = (shaded(start, step / 20) for step in range(21))
    return *next(shade for shade in shades if contrast(shade, face) >= wanted or min(shade) >= 1), alpha


def _drawn(ax: Axes) -> Iterator[Artist]:
    yield from (*ax.lines, *ax.patches)
    maps = [each for each in (*ax.images, *ax.collections) if each.get_array() is not None]
    yield from (each for each in ax.collections if each not in maps)
    yield from () if maps else ax.texts


def _suit(artist: Any, face: ColorType) -> None:
    names: tuple[str, ...] = ("facecolor", "edgecolor")
    if isinstance(artist, Line2D):
        names = ("markerfacecolor", "markeredgecolor", "color")
    elif isinstance(artist, Text):
        # Text in the colour of the style is seen.
        names = ("color",) if contrast(artist.get_color(), face) < SEEN else ()
        if artist.get_bbox_patch() is not None:
            _suit(artist.get_bbox_patch(), face)
    for name, held in [(name, getattr(artist, f"get_{name}")()) for name in names]:
        if isinstance(artist, Collection):
            getattr(artist, f"set_{name}")([suited(each, face) for each in held])
        else:
            getattr(artist, f"set_{name}")(suited(held, face))
