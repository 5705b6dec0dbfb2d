r"""Text that others wrote (names of classes, data, methods, noises, files), handed to a reader that gives characters a meaning.

Every border has one function here. A name is always shown as it is, or visibly replaced; it is never executed, and no two names
become one.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

_LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "_%&#${}"},
        "±": r"$\pm$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "→": r"$\rightarrow$",
        "\N{MINUS SIGN}": "$-$",
        "…": r"\ldots{}",
        "†": r"$\dagger$",
        "<": r"$<$",
        ">": r"$>$",
        # The usual encoding of fonts prints these two as other signs.
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
# Signs that TeX joins to one, and those that after the end of a row would belong to it.
_JOINED = re.compile(r"(?<=-)(?=-)|(?<=')(?=')|(?<=,)(?=,)")
_FIRST = re.compile(r"^[*\[]")

# An underscore within a word, a lone < or & and a bracket without a link are plain in Markdown.
_MARKDOWN = re.compile(r"[\\`*|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[])")

# Spreadsheets run a cell that begins with one of these, in either width.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20].", re.DOTALL)

# A word, with its points and underscores, or a number.
_WORD = re.compile(r"[\w.]+")

# Windows keeps these for devices, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)

FIRST_STRONG, POP = "\u2068", "\u2069"


def printable(text: str) -> str:
    r"""Text with every character that shows nothing, or steers what shows it, as its escape: `\n`, `\x1b`, `\u202e`.

    Example:
        >>> from noisylab.core.foreign_text import printable
        >>> print(printable("red\x1b[31m\n"))
        red\x1b[31m\n
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: object) -> str:
    r"""Printable text with every run of blanks and line ends as one blank, for a message.

    Example:
        >>> from noisylab.core.foreign_text import one_line
        >>> print(one_line("no such file:\n  a\x1b.png"))
        no such file: a\x1b.png
    """
    return printable(" ".join(str(text).split()))


def reads_leftwards(text: str) -> bool:
    """Whether text has letters that are read from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)


def for_html(text: str) -> str:
    """Text for a template that escapes its values; letters read from right to left do not turn what stands around them."""
    return f"{FIRST_STRONG}{printable(text)}{POP}" if reads_leftwards(text) else printable(text)


def for_latex(text: str) -> str:
    r"""Text for LaTeX, within a paragraph or a cell of a table.

    Example:
        >>> from noisylab.core.foreign_text import for_latex
        >>> print(for_latex("5 % of a_b & $x$"))
        5 \% of a\_b \& \$x\$
    """
    return _FIRST.sub(r"{\g<0>}", _JOINED.sub("{}", printable(text).translate(_LATEX)))


def for_markdown(text: str) -> str:
    r"""Text for a cell of a Markdown table.

    Example:
        >>> from noisylab.core.foreign_text import for_markdown
        >>> print(for_markdown("a|b *c* d_e"))
        a\|b \*c\* d_e
    """
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def for_csv(table: "pandas.DataFrame") -> str:
    """A table as CSV that no spreadsheet takes for formulas: texts that begin like one get an apostrophe; numbers stay numbers.

    Characters that show nothing are written as their escapes, since readers do not agree on the end of a line.

    Example:
        >>> import pandas
        >>> from noisylab.core.foreign_text import for_csv
        >>> print(for_csv(pandas.DataFrame({"data": ["digits", "=A1"], "seed": [-1, 2]})))
        data,seed
        digits,-1
        '=A1,2
        <BLANKLINE>
    """
    guarded: Mapping[Any, Any] = {
        name: column.map(_no_formula) if column.dtype.kind == "O" else column for name, column in table.items()
    }
    return str(table.assign(**guarded).to_csv(index=False))


def begins_like_formula(text: str) -> bool:
    """Whether a spreadsheet would take text for a formula. A number is none."""
    if not _FORMULA.match(text):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return "\n" in text or "\t" in text or "\r" in text


def _no_formula(value: object) -> object:
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if begins_like_formula(value) else printable(value)


def for_file_name(text: str, longest: int = 120) -> str:
    """Text as the name of a file or folder on any system: letters a to z, digits, points and hyphens.

    Texts that differ may come to one name; whoever needs different names adds a digest.

    Example:
        >>> from noisylab.core.foreign_text import for_file_name
        >>> for_file_name("elr_plus-symmetric:0.4")
        'elr-plus-symmetric-0.4'
    """
    name = re.sub(r"[^A-Za-z0-9.]+", "-", text)[:longest].lstrip("-.").rstrip(".")
    return _DEVICES.sub(r"\1-", name)


def width_of(text: str) -> int:
    """The columns that text takes in a terminal: two for a wide character, none for one that joins the character before."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Text in a column of `width` columns of a terminal, at its left or its right."""
    blank = " " * (width - width_of(text))
    return blank + text if right else text + blank


def short_names(names: Sequence[str], longest: int) -> list[str]:
    """Names in at most `longest` characters (8 or more): their beginning, or what differs if the beginnings are equal.

    Words and numbers are kept whole, unless the first one alone is too long. No two names become equal, not even those that
    differ in blanks alone: if nothing else helps, their place in `names` is added.

    Example:
        >>> from noisylab.core.foreign_text import short_names
        >>> short_names(["northern cardinal, male", "northern cardinal, female", "owl"], 20)
        ['northern…male', 'northern…female', 'owl']
    """
    texts = _told_apart([" ".join(printable(name).split()) for name in names], longest=None)
    return _told_apart(_cut(texts, longest), longest)


def _cut(texts: Sequence[str], longest: int) -> list[str]:
    cut = [text if len(text) <= longest else f"{_beginning(text, longest - 1)}…" for text in texts]
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(cut):
        alike[text].append(place)
    for places in alike.values():
        if len(places) > 1:
            group = [texts[place] for place in places]
            start = len(commonprefix(group))  # noqa: RUF071 - of texts
            rests = [_without_end(text[_whole(text, start) :].lstrip(" ,;=(")) for text in group]
            room = longest - 1 - max(map(len, rests))
            if room >= 0 and len(set(rests)) == len(set(group)):
                # What differs, after as much of the common beginning as there is room for.
                head = group[0][: _whole(group[0], min(room, start))].rstrip(" ,;=(")
            elif (third := longest // 3) < longest - 4:
                # Words that are too long.
                head, rests = group[0][: min(third, start)], _cut([text[start:] for text in group], longest - third - 1)
            else:
                continue
            for place, rest in zip(places, rests, strict=True):
                cut[place] = f"{head}…{rest}"
    return cut


def _without_end(text: str) -> str:
    """Text without brackets that close what is cut away."""
    return text.rstrip(")") if "(" not in text else text


def _beginning(text: str, longest: int) -> str:
    """The words at the beginning that fit, or a part of the first one."""
    return text[: _whole(text, longest) or longest].rstrip(" ,;=(")


def _whole(text: str, end: int) -> int:
    """The last place up to `end` that is not within a word or number."""
    if end >= len(text):
        return len(text)
    starts = [found.start() for found in _WORD.finditer(text, 0) if found.start() <= end < found.end()]
    return min([end, *starts])


def _told_apart(texts: Sequence[str], longest: int | None) -> list[str]:
    """The texts, with their place added to those that occur more than once."""
    count = Counter(texts)
    marks = [f" ({place})" if count[text] > 1 else "" for place, text in enumerate(texts)]
    return [text[: None if longest is None else longest - len(mark)] + mark for text, mark in zip(texts, marks, strict=True)]


def for_matplotlib(text: str, instead: str | None = None) -> str:
    """Text for one line of a figure, drawn as it is under the current `rcParams`, with TeX or without.

    instead: what is drawn if the font lacks a character, or if letters would be drawn in the wrong order because they are read
    from right to left. None: the escapes of these characters.
    """
    from matplotlib import rcParams

    return _escaped(drawable(text, tuple(rcParams["font.family"]), tex=rcParams["text.usetex"], instead=instead))


def _escaped(text: str) -> str:
    from matplotlib import rcParams

    if rcParams["text.usetex"]:
        return for_latex(text)
    return text.replace("$", r"\$") if rcParams["text.parse_math"] else text


def drawable(text: str, families: tuple[str, ...], *, tex: bool = False, instead: str | None = None) -> str:
    """Text in characters that these font families have, or that TeX knows if `tex`; see `for_matplotlib`."""
    text = printable(text)
    if text.isascii():
        return text
    lacks = _not_in_tex if tex else _not_in(families)
    lacking = {c for c in text if lacks(c) or reads_leftwards(c)}
    if lacking and instead is not None:
        return instead
    return "".join(c.encode("unicode_escape").decode() if c in lacking else c for c in text)


def _not_in_tex(character: str) -> bool:
    # Latin letters; TeX stops at others unless a package defines them.
    return character > "\u017f" and ord(character) not in _LATEX


@lru_cache
def _not_in(families: tuple[str, ...]) -> Callable[[str], bool]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known: set[int] = set()
    for family in families:
        known |= get_font(findfont(FontProperties(family=[family]))).get_charmap().keys()
    return lambda character: ord(character) not in known


def class_texts(names: Iterable[str], longest: int = 24) -> list[str]:
    """The names of classes for a figure: short, distinct, and the number of a class (`class 7`) if its name cannot be drawn."""
    from matplotlib import rcParams

    families, tex = tuple(rcParams["font.family"]), rcParams["text.usetex"]
    numbered = [(name, f"class {number}") for number, name in enumerate(names)]
    drawn = [drawable(name, families, tex=tex, instead=number) if name.strip() else number for name, number in numbered]
    return list(map(_escaped, short_names(drawn, longest)))
