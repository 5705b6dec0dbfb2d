"""Rules for looks and legends: every label is explained, and a look has one meaning in the whole figure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from drawn_page import Page, Violation, one_line
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import Container, ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.offsetbox import DrawingArea
from matplotlib.patches import Patch

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
