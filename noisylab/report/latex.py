r"""A table in LaTeX: booktabs, columns of siunitx, and a width that fits the page."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from noisylab.core.foreign_text import for_latex, printable, width_of
from noisylab.core.lines import BREAKS, in_different_lines, in_lines

# Points in letters of 8: the text of the narrowest page (`article`, whose larger letters need more room), that of the widest
# one, and a column of a two-column page.
PAGE, WIDEST, COLUMN = 330.0, 520.0, 229.0
# An em of `\footnotesize`, in points, if a letter has 8: of Computer Modern, whose letters are the widest.
EM = 8.5
# Points of the lowest page, of a line of a table and of a caption in the class with the largest letters, characters of a line
# of a caption on a page and in a column, and points of what else a table has.
HEIGHT, LINE, CAPTION, LETTERS, RULES = 500.0, 12.0, 14.5, {True: 70, False: 40}, 24.0
# Points of `\tabcolsep`, which stands on both sides of a column, and characters per line of words and of headings.
GAP, TEXT, HEADING = 3.0, 26, 14
# Characters per line of words and of headings that let a table fit a column.
NARROW_TEXT, NARROW = 20, 8
# Characters of a name without blanks that is not cut.
LONGEST = 34
# The signs after which a heading is broken, so that the name of a file is not cut.
BROKEN = f"{BREAKS}:_=(/"
# A number with half of its interval and what follows it: 81.0, +14.3 ± 1.4 (.004), 1.01 [0.99-1.02].
_NUMBER = re.compile(r"(?P<mean>[+-]?\d+(?:\.\d+)?)(?: ± (?P<half>\d+(?:\.\d+)?))?(?P<rest> [(\[].*)?")


@dataclass(frozen=True)
class _Part:
    """A column of `tabular`; several show one number. layout: with what separates it from the part before. width: in points."""

    layout: str
    cells: list[str]
    width: float


@dataclass(frozen=True)
class _Column:
    heading: str
    parts: list[_Part]
    width: float


def latex_table(
    caption: str, names: Sequence[str], text: Sequence[bool], rows: Sequence[Sequence[tuple[str, bool]]], label: str = ""
) -> str:
    r"""A `table`, or a `table*` if it is wider than a column of a two-column page, as wide as the class allows.

    Args:
        caption: Plain text, like all that follows.
        names: Headings.
        text: Which columns are words; the others are numbers, aligned at their decimal points.
        rows: Cells, and whether they are bold.
        label: What `\ref` calls it; empty: nothing.

    Returns:
        LaTeX for a document that loads booktabs and siunitx. If it would be wider than the text of a page, the columns of
        numbers follow below each other, with the same words before them: in one part, in two or in more, as `\textwidth`
        allows. If it would be higher than a page, further tables with the same number continue it.

    Example:
        >>> from noisylab.report.latex import latex_table
        >>> print(latex_table("Accuracy.", ["method", "last"], [True, False], [[("ce", False), ("81.0", True)]]))
        % needs \usepackage{booktabs} and \usepackage{siunitx}
        \begin{table}[tbp]
        \centering
        \caption{Accuracy.}
        \footnotesize
        \setlength{\tabcolsep}{3pt}
        \begin{tabular}{lS[table-format=2.1]}
        \toprule
        {method} & {last} \\
        \midrule
        ce & \bfseries 81.0 \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    # Narrow lines are for tables that fit a column only with them. No word of a heading is cut.
    lines = (line for name in names for line in in_lines(printable(name), 1, after=BROKEN).split("\n"))
    narrow = min(HEADING, max([NARROW, *map(width_of, lines)]))
    tried = [_columns(names, text, rows, *letters) for letters in ((TEXT, HEADING), (TEXT, narrow), (NARROW_TEXT, narrow))]
    columns, heights, tall = next((each for each in tried if _width_of([each[0]]) <= COLUMN), tried[0])
    leading, others = (
        [column for column, words in zip(columns, text, strict=True) if words == wanted] for wanted in (True, False)
    )
    layouts = _layouts(leading, others)
    said = [rf"\caption{{{for_latex(caption)}}}", *([rf"\label{{{label}}}"] if label else [])]
    written = [r"% needs \usepackage{booktabs} and \usepackage{siunitx}"]
    if len(layouts) == 1:
        return "\n".join([*written, *_floats(layouts[0], said, len(caption), heights, tall), ""])
    written += [
        "% the layout for the width of the text: the first that fits",
        r"\begingroup",
        rf"\def\tablecaption{{{''.join(said)}}}",
        r"{\footnotesize\xdef\tableem{\the\fontdimen6\font}}",
    ]
    for blocks in layouts[:-1]:
        written.append(rf"\ifdim\textwidth>{_width_of(blocks) / EM:.1f}\dimexpr\tableem\relax")
        written += [*_floats(blocks, [r"\tablecaption"], len(caption), heights, tall), r"\else"]
    written += _floats(layouts[-1], [r"\tablecaption"], len(caption), heights, tall)
    return "\n".join([*written, r"\fi" * (len(layouts) - 1), r"\endgroup", ""])


def _columns(
    names: Sequence[str], text: Sequence[bool], rows: Sequence[Sequence[tuple[str, bool]]], letters: int, heading: int
) -> tuple[list[_Column], list[int], int]:
    """The columns, the lines of each row, and those of the headings; letters, heading: of a line of words and of a heading."""
    bold = [[mark for _, mark in row] for row in rows]
    cells = [[printable(row[place][0]) for row in rows] for place in range(len(names))]
    words = {}
    for place in itertools.compress(range(len(names)), text):
        lines = (line for cell in cells[place] for line in in_lines(cell, 1, after=f"{BREAKS}(").split("\n"))
        least = max(map(width_of, lines), default=0)
        words[place] = in_different_lines(cells[place], max(letters, least) if least <= LONGEST else letters)
    # A row of words in several lines is several rows.
    heights = [max([1, *(len(lines[y]) for lines in words.values())]) for y in range(len(rows))]
    headings = in_different_lines(list(map(printable, names)), heading, after=BROKEN)
    columns = []
    for place in range(len(names)):
        if place in words:
            parts = [_words_part(words[place], heights)]
        else:
            parts = _number_parts(cells[place], [row[place] for row in bold], heights)
        width = max(sum(part.width for part in parts), *map(_width, headings[place])) + 2 * GAP
        columns.append(_Column(_heading(headings[place]), parts, width))
    return columns, heights, max(map(len, headings))


def _width_of(blocks: Sequence[Sequence[_Column]]) -> float:
    return max(sum(column.width for column in block) for block in blocks)


def _layouts(leading: Sequence[_Column], others: Sequence[_Column]) -> list[list[list[_Column]]]:
    """The blocks of columns for wide and for narrow pages: in as few parts as the widest page allows, and in more.

    The last layout fits every page, if a single column of numbers does.
    """
    found = []
    for parts in range(1, max(1, len(others)) + 1):
        blocks = [[*leading, *block] for block in _even(others, parts)]
        if _width_of(blocks) <= WIDEST or parts == len(others) or not others:
            found.append(blocks)
        if _width_of(blocks) <= PAGE:
            break
    return found or [[list(leading)]]


def _even(columns: Sequence[_Column], parts: int) -> list[list[_Column]]:
    """Neighbouring columns in so many parts whose widest one is as narrow as it can be."""
    if parts == 1:
        return [list(columns)]
    cuts = itertools.combinations(range(1, len(columns)), parts - 1) if len(columns) <= 16 else ()
    ends = [(0, *cut, len(columns)) for cut in cuts] or [tuple(np.linspace(0, len(columns), parts + 1).round().astype(int))]
    divided = ([list(columns[start:end]) for start, end in itertools.pairwise(cut)] for cut in ends)
    # Of those, the one in which no column stands alone.
    return min(divided, key=lambda blocks: (_width_of(blocks), -_width_of([min(blocks, key=lambda block: _width_of([block]))])))


def _floats(
    blocks: Sequence[Sequence[_Column]], said: Sequence[str], letters: int, heights: Sequence[int], heading: int
) -> list[str]:
    """The lines of one table, or of several that continue it, none higher than a page.

    said: caption and label. letters: of the caption. heights: lines of each row. heading: lines of the headings.
    """
    narrow = _width_of(blocks) <= COLUMN
    first = HEIGHT - CAPTION * -(-letters // LETTERS[not narrow])
    parts = [(block, rows) for block in blocks for rows in _pages(heights, (first - RULES) / LINE - heading)]
    floats: list[list[str]] = []
    room = 0.0
    for block, rows in parts:
        needed = RULES + LINE * (heading + sum(heights[row] for row in rows))
        if not floats or needed > room:
            floats.append([])
            room = first if len(floats) == 1 else HEIGHT - CAPTION
        room -= needed
        start = sum(heights[: rows[0]])
        floats[-1].append(_tabular(block, start, start + sum(heights[row] for row in rows)).rstrip())
    environment = "table" if narrow else "table*"
    lines = []
    for number, tabulars in enumerate(floats):
        lines += [rf"\begin{{{environment}}}[tbp]", r"\centering"]
        lines += said if number == 0 else [r"\addtocounter{table}{-1}", r"\caption{(continued)}"]
        lines += [r"\footnotesize", rf"\setlength{{\tabcolsep}}{{{GAP:g}pt}}"]
        lines += ["\\par\\medskip\n".join(f"{each}\n" for each in tabulars).rstrip(), rf"\end{{{environment}}}"]
    return lines


def _pages(heights: Sequence[int], most: float) -> list[range]:
    """The rows in as few parts of at most `most` lines as there can be, of about the same height."""
    count = max(1, math.ceil(sum(heights) / most))
    while True:
        ends, lines = [0], 0
        for row, height in enumerate(heights):
            lines += height
            if lines >= sum(heights) * len(ends) / count and row + 1 < len(heights):
                ends.append(row + 1)
        pages = [range(start, end) for start, end in itertools.pairwise([*ends, len(heights)])]
        if count >= len(heights) or all(sum(heights[row] for row in page) <= most for page in pages):
            return pages
        count += 1


def _words_part(cells: Sequence[Sequence[str]], heights: Sequence[int]) -> _Part:
    lines = []
    for cell, height in zip(cells, heights, strict=True):
        indented = [rf"\quad {for_latex(line.lstrip())}" if line.startswith(" ") else for_latex(line) for line in cell]
        lines += indented + [""] * (height - len(cell))
    return _Part("l", lines, max((_width(line) for cell in cells for line in cell), default=0.0))


def _number_parts(cells: Sequence[str], bold: Sequence[bool], heights: Sequence[int]) -> list[_Part]:
    """The columns of `tabular` for one column of numbers: number, sign, half of the interval, and what follows."""
    found = [_NUMBER.fullmatch(cell) for cell in cells]
    texts = [for_latex(cell) for cell in cells]
    if not any(found) or any(match is None and cell not in ("-", "") for match, cell in zip(found, cells, strict=True)):
        marked = [rf"\textbf{{{text}}}" if mark else text for text, mark in zip(texts, bold, strict=True)]
        return [_Part("r", _spread(marked, heights), max(map(_width, cells), default=0.0))]

    def of(name: str) -> list[str]:
        return [(match[name] or "").strip() if match else "" for match in found]

    def weighed(numbers: Sequence[str], instead: Sequence[str]) -> list[str]:
        pairs = zip(numbers, instead, bold, strict=True)
        return [(rf"\bfseries {number}" if mark else number) if number else other for number, other, mark in pairs]

    means, halves, rests = of("mean"), of("half"), of("rest")
    empty = [""] * len(cells)
    parts = [_numbers("", weighed(means, [f"{{{text}}}" if text else "" for text in texts]), means, heights)]
    if any(halves):
        parts.append(_Part(r"@{\,}c", _spread([r"$\pm$" if half else "" for half in halves], heights), _width("±") + 3))
        # At its left, so that a wide heading does not take it away from the sign.
        parts.append(_numbers(r"@{\,}", weighed(halves, empty), halves, heights, ",table-number-alignment=left"))
    if any(rests):
        parts.append(_Part(r"@{\ }l", _spread(list(map(for_latex, rests)), heights), max(map(_width, rests)) + 3))
    return parts


def _numbers(before: str, cells: Sequence[str], numbers: Sequence[str], heights: Sequence[int], more: str = "") -> _Part:
    """A column of siunitx, as wide as its numbers."""
    held = [number.lstrip("+-").partition(".") for number in numbers]
    whole, decimals = (max(len(part[place]) for part in held) for place in (0, 2))
    sign = any(number.startswith(("+", "-")) for number in numbers)
    options = f"table-format={'+' * sign}{whole}{f'.{decimals}' if decimals else ''}"
    options += (",retain-explicit-plus" if any(number.startswith("+") for number in numbers) else "") + more
    width = _width("+" * sign + "0" * (whole + decimals) + "." * (decimals > 0))
    return _Part(f"{before}S[{options}]", _spread(cells, heights), width)


def _spread(cells: Sequence[str], heights: Sequence[int]) -> list[str]:
    """Cells in the first of the rows that words take."""
    return [line for cell, height in zip(cells, heights, strict=True) for line in [cell, *[""] * (height - 1)]]


def _heading(lines: Sequence[str]) -> str:
    shown = [for_latex(line.strip()) for line in lines]
    return shown[0] if len(shown) == 1 else r"\shortstack{" + r"\\".join(shown) + "}"


def _tabular(block: Sequence[_Column], start: int, end: int) -> str:
    """The lines `start` to `end` (exclusive) of some columns."""
    parts = [(place, column.heading, part) for place, column in enumerate(block) for part in column.parts]
    # Numbers keep neighbours with one heading apart.
    keys = pandas.MultiIndex.from_tuples([(place, number) for number, (place, _, _) in enumerate(parts)])
    table = pandas.DataFrame(dict(enumerate(part.cells[start:end] for _, _, part in parts)))
    table.columns = keys
    shown = table.style.hide(axis="index").hide(axis="columns", level=1)
    headings = [column.heading for column in block]
    shown = shown.format_index(lambda place: headings[int(str(place))], axis="columns", level=0)
    layout = "".join(part.layout for _, _, part in parts)
    return shown.to_latex(column_format=layout, hrules=True, siunitx=True, multicol_align="c")


def _width(text: str) -> float:
    r"""At least the points that text takes in `\footnotesize`."""
    return sum(2.8 if c in " .,:;()[]'|!il" else 6.9 if c in "mwMW@%=±+<>≥≤→&" or c.isupper() else 4.6 for c in text)
