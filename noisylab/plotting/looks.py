"""Looks: the colour, line and marker of every method, score or group, so that no two of a figure are alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from noisylab.analysis.display_names import DisplayNames
from noisylab.plotting.colours import contrast, distances, shaded

Look: TypeAlias = dict[str, Any]
"""Keyword arguments for `Axes.plot`: color, linestyle, marker and label, and markerfacecolor if the marker is hollow."""

# Each at least 3:1 on white; vermilion and grey are not among them.
PALETTE = [
    *("#000000", "#0173B2", "#00875A", "#9A3FA8", "#7A4419", "#1593E6", "#1B1B7A", "#D1478F", "#7B1E4B", "#A87900"),
]
# No pentagon or hexagon, which in a small print are circles; after these come hollow ones.
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<", ">"]
HOLLOW = ["o", "s", "^", "D", "v"]
SHAPES = [*({"marker": marker} for marker in MARKERS), *({"marker": marker, "markerfacecolor": "white"} for marker in HOLLOW)]
DASHES: list[Any] = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))]
# Of the variants of a method: its colour, and lighter and darker ones.
SHADES = (0, 0.3, -0.45, 0.15, -0.25)

# For everything that belongs to no method: vermilion is for mislabelled samples alone, and grey for clean ones.
GROUPS: dict[str, Look] = {
    "clean": {"color": "#737373", "linestyle": "--"},
    "mislabelled": {"color": "#D55E00", "linestyle": "-"},
}

# The three methods of every comparison: colour, line and marker.
REFERENCE_METHODS = {"ce": (0, 1, 0), "repeat": (2, 2, 1), "dlb": (1, 0, 2)}

# Two colours this far apart in CIE Lab are told apart in a thin line, whoever looks.
APART = 10
# Number of marks on a long curve.
MARKS = 9


def looks(methods: Iterable[str], names: DisplayNames | None = None) -> dict[str, Look]:
    """The look of each method, keyword arguments for `Axes.plot`, all different as long as looks last.

    CE, repeat and DLB always look the same. The variants of a method have its colour in other shades, and lines and markers of
    their own, filled or hollow. Any two differ in two of colour, line and marker, and colours count as different if the
    colour-blind and a grey print tell them apart; the first 15 have a marker each. If that is no longer possible, `alike` says
    so, and `numbered` numbers them.

    Args:
        methods: All methods of the study, since the looks of some depend on those before.
        names: What they are called.

    Example:
        >>> from noisylab.plotting.looks import looks
        >>> looks(["ce", "dlb"])["dlb"]
        {'color': '#0173B2', 'linestyle': '-', 'marker': '^', 'label': 'DLB'}
    """
    called = DisplayNames() if names is None else names
    return {name: {**look, "label": called.method(name)} for name, look in _allotted(tuple(dict.fromkeys(methods))).items()}


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """Looks of scores, groups or anything else that is no method, by name; a _ in a name is written as a space."""
    distinct = list(dict.fromkeys(names))
    taken: list[Look] = []
    for place, _ in enumerate(distinct):
        taken.append(_next(PALETTE[place % len(PALETTE)], taken))
    return {name: {**look, "label": name.replace("_", " ")} for name, look in zip(distinct, taken, strict=True)}


def apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two looks are told apart by at least two of marker, line and, whoever looks, colour."""
    cues = _shape(one) != _shape(other), one["linestyle"] != other["linestyle"]
    return sum(map(bool, cues)) + (_distance(one["color"], other["color"]) >= APART) >= 2


def alike(held: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether any two looks cannot be told apart."""
    several = list(held.values())
    return any(not apart(one, other) for place, one in enumerate(several) for other in several[:place])


def numbered(held: Mapping[str, Look]) -> dict[str, Look]:
    """The looks, with numbers before their labels if two of them are alike."""
    if not alike(held):
        return dict(held)
    return {name: {**look, "label": f"[{place}] {look['label']}"} for place, (name, look) in enumerate(held.items(), start=1)}


def number_lines(ax: Axes) -> None:
    """Write their numbers on the lines of `numbered` looks, each at another place, and beside single points."""
    # Levels are in no place of the horizontal axis.
    of_data = [line for line in ax.lines if line.get_transform() is ax.transData and np.size(line.get_xdata())]
    found = [(line, number) for line in of_data if (number := _number(line))]
    for place, (line, number) in enumerate(found):
        x, y = (np.asarray(held, dtype=np.float64) for held in line.get_data())
        if len(x) == 1:
            beside: dict[str, Any] = {"textcoords": "offset points", "fontsize": 6, "color": line.get_color()}
            ax.annotate(number, (x[0], y[0]), (3, 2), **beside)
            continue
        at = x.min() + (place + 0.5) / len(found) * (x.max() - x.min())
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85}
        style: dict[str, Any] = {"fontsize": 6, "ha": "center", "va": "center", "color": line.get_color(), "zorder": 5}
        ax.text(at, float(np.interp(at, x, y)), number, bbox=box, **style)


def _number(line: Line2D) -> str:
    label = str(line.get_label())
    return label[1 : label.index("]")] if label.startswith("[") and "]" in label else ""


def mark_every(points: int, place: int) -> Any:
    """For `markevery`: every point of a short curve; of a long one some, others than on the curves at other places."""
    if points <= 1.5 * MARKS:
        return None
    step = -(-points // MARKS)
    return place * max(1, step // 4) % step, step


@lru_cache
def _allotted(methods: tuple[str, ...]) -> dict[str, Look]:
    held: dict[str, Look] = {}
    for name in methods:
        if name in REFERENCE_METHODS:
            color, dash, marker = REFERENCE_METHODS[name]
            held[name] = {"color": PALETTE[color], "linestyle": DASHES[dash], "marker": MARKERS[marker]}
    # The colours of the references are theirs and their variants', whether or not they are there.
    colours = {name: PALETTE[color] for name, (color, _, _) in REFERENCE_METHODS.items()}
    free = [colour for colour in PALETTE if colour not in colours.values()]
    for name in methods:
        if name not in held:
            others = len(colours) - len(REFERENCE_METHODS)
            colour = colours.setdefault(_family(name), free[others % len(free)])
            held[name] = _next(colour, list(held.values()), sum(_family(other) == _family(name) for other in held))
    return {name: held[name] for name in methods}


def _family(method: str) -> str:
    return method.partition("@")[0].partition("(")[0].partition(":")[0].strip()


def _next(colour: str, taken: Sequence[Look], variants: int = 0) -> Look:
    """The first look of a colour, or a shade of it, that is apart from all taken ones; the least alike one if none is.

    variants: number of looks of this colour among the taken ones; each begins with another shade and line.
    """
    used = [_shape(look) for look in taken]
    shape = min(SHAPES, key=lambda each: (used.count(_shape(each)), SHAPES.index(each)))
    shades, dashes = (_from(variants, held) for held in ([*_shades(colour)], DASHES))
    candidates = [{"color": shade, "linestyle": dash, **shape} for shade in shades for dash in dashes]
    for candidate in candidates:
        if all(apart(candidate, other) for other in taken):
            return candidate
    rivals = [look for look in taken if _shape(look) == _shape(shape)]
    return max(candidates, key=lambda each: min(_cues(each, other) for other in rivals or taken))


def _shape(look: Mapping[str, Any]) -> tuple[str, str]:
    return look["marker"], look.get("markerfacecolor", "")


def _from(place: int, held: Sequence[Any]) -> list[Any]:
    start = place % len(held)
    return [*held[start:], *held[:start]]


def _shades(colour: str) -> Iterator[Any]:
    yield colour
    for share in SHADES[1:]:
        shade = shaded(colour, share)
        if contrast(shade) >= 3:
            yield shade


def _cues(one: Look, other: Look) -> float:
    return float(one["linestyle"] != other["linestyle"]) + min(_distance(one["color"], other["color"]) / APART, 1)


@cache
def _distance(one: ColorType, other: ColorType) -> float:
    return min(distances(one, other).values())
