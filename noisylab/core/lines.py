"""Words in short lines: long names, and how many there are of a thing."""

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence

from noisylab.core.foreign_text import short_names, width_of

BREAKS = ",@ "
"""The signs after which a text is broken."""


def in_lines(text: str, width: int, indent: int = 0, after: str = BREAKS) -> str:
    """Text in lines of at most `width` characters if it can be broken after a comma, an @ or a space.

    A number or a name is never broken, even if it is longer; a minus stays with what follows, and % with its number.

    indent: spaces before the first line; further lines have two more. after: other signs after which it can be broken, or
    before it for an opening bracket.

    Example:
        >>> from noisylab.core.lines import in_lines
        >>> print(in_lines("elr@learning_rate=0.02,weight_decay=0.001", 26))
        elr@learning_rate=0.02,
          weight_decay=0.001
    """
    lines = [" " * indent]
    bracket, opening, alone = (r"\(", r"\(*", r"|\(+") if "(" in after else ("", "", "")
    signs = re.escape(after.replace("(", "")) + "\n"
    word = rf"[^{signs}{bracket}]"
    for part in re.findall(rf"(?:- )?{opening}{word}+(?: %{word}*)?[{signs}]*|^[{signs}]+{alone}", text):
        if lines[-1].strip() and len((lines[-1] + part).rstrip()) > width:
            lines.append(" " * (indent + 2))
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def folded(text: str, width: int, indent: int = 0) -> str:
    """Text whose long lines are broken between words into lines of at most `width` characters.

    A path or a number is never broken, even if it is longer, and a number stays with its unit (%, s).

    indent: spaces that further lines have more than the first one.

    Example:
        >>> from noisylab.core.lines import folded
        >>> print(folded("  weight  a finite number >= 0", 24, 4))
          weight  a finite
              number >= 0
    """
    lines = []
    for line in text.split("\n"):
        own = " " * (len(line) - len(line.lstrip()) + indent)
        # Lines are not broken at a no-break space.
        kept = re.sub(r"(\d) (?=%|s\b)", "\\1\N{NO-BREAK SPACE}", line)
        broken = textwrap.wrap(kept, width, subsequent_indent=own, break_long_words=False, break_on_hyphens=False)
        lines += [part.replace("\N{NO-BREAK SPACE}", " ") for part in broken] or [""]
    return "\n".join(lines)


def in_different_lines(texts: Sequence[str], width: int, indent: int = 0, after: str = BREAKS) -> list[list[str]]:
    """Each text in lines of at most `width` characters (8 or more), as `in_lines`; different texts stay different.

    Those that cannot be broken, not even before a bracket, are shortened.

    Example:
        >>> from noisylab.core.lines import in_different_lines
        >>> in_different_lines(["elr", "a_network_taught_by_eleven", "a_network_taught_by_twelve"], 16)
        [['elr'], ['a_net…eleven'], ['a_net…twelve']]
    """
    shown = {text: in_lines(text, width, indent, after).split("\n") for text in texts}
    for text in _too_wide(shown, width):
        shown[text] = in_lines(text, width, indent, f"{after}(").split("\n")
    # Characters may be two columns wide.
    for longest in (width - indent, width // 2 - indent):
        wide = _too_wide(shown, width)
        if longest < 8 or not wide:
            break
        cut = short_names(wide, longest)
        if {*cut} & shown.keys():
            wide, cut = list(shown), short_names(list(shown), longest)
        shown |= {text: [" " * indent + short] for text, short in zip(wide, cut, strict=True)}
    return [shown[text] for text in texts]


def _too_wide(shown: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """The texts that have a line of more than `width` columns."""
    return [text for text, lines in shown.items() if max(map(width_of, lines)) > width]


def least_to_most(counts: Collection[float]) -> str:
    """`5`, or `3 to 5` if the counts differ."""
    return " to ".join(dict.fromkeys(str(int(count)) for count in (min(counts), max(counts))))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """How many there are: `1 run`, `1,200 runs`, `2 classes`. plural: None is the noun with an s.

    Example:
        >>> from noisylab.core.lines import counted
        >>> counted(1, "seed"), counted(1200, "run"), counted(2, "class", "classes")
        ('1 seed', '1,200 runs', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """A time to be read at a glance.

    Example:
        >>> from noisylab.core.lines import duration
        >>> duration(42), duration(370), duration(7800)
        ('42 s', '6 min', '2 h 10 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = minutes / 60
    return f"{minutes // 60} h {minutes % 60} min" if hours < 100 else f"{hours / 24:,.0f} days"
