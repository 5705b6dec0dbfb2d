"""Where the lines of a title end: between its facts, in lines of about one length, and never within a name."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

# A part that stays in one line: a word, or a name with all that its brackets hold.
_PARTS = re.compile(r"(?:[^\s()]*\([^()]*\)[^\s()]*)+|\S+")
_COUNTED = re.compile(r"\d[\d,.]*|of|%|seed|=")
# What a line costs that ends between two words of a fact, and between a number and what it counts.
WITHIN, COUNTED = 0.08, 0.3
# Lines beyond which names are broken too.
MOST = 3


def balanced(line: str, width: Callable[[str], float], room: float) -> str:
    """A line of text in as few lines as fit, of about one length, which end after a comma or semicolon if they can.

    Names with options in brackets are kept whole unless that takes more than three lines. A part that is too wide stands alone.

    Args:
        line: The text, without line ends.
        width: The width of a text.
        room: The width of a line.

    Returns:
        The text with line ends.

    Example:
        >>> from noisylab.plotting.line_breaks import balanced
        >>> print(balanced("digits, small_cnn, images of 40 epochs, 8 of 62 methods", len, 60))
        digits, small_cnn, images of 40 epochs,
        8 of 62 methods
    """
    if not line.strip() or width(line) <= room:
        return line
    whole = _filled(_PARTS.findall(line), width, room)
    broken = whole if len(whole) <= MOST else _filled(line.split(), width, room)
    return "\n".join(broken if len(broken) < len(whole) else whole)


def _filled(parts: Sequence[str], width: Callable[[str], float], room: float) -> list[str]:
    """The lines of a text that consists of these parts."""
    # For each number of parts: the best lines of these, by their count, and then by their cost.
    best: list[tuple[int, float, list[int]]] = [(0, 0.0, [0])]
    for end in range(1, len(parts) + 1):
        found = []
        for start in range(end):
            wide = width(" ".join(parts[start:end]))
            if wide <= room or end - start == 1:
                lines, cost, ends = best[start]
                slack = max(0.0, 1 - wide / room) ** 2
                found.append((lines + 1, cost + slack + _broken(parts, end), [*ends, end]))
        best.append(min(found, key=lambda each: each[:2]))
    return [" ".join(parts[start:end]) for start, end in pairwise(best[-1][2])]


def _broken(parts: Sequence[str], end: int) -> float:
    """What it costs to end a line before this part."""
    if end == len(parts) or parts[end - 1].endswith((",", ";")):
        return 0.0
    return COUNTED if _COUNTED.fullmatch(parts[end - 1]) else WITHIN
