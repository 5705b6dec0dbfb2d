r"""A table in LaTeX: booktabs, columns of siunitx, and a width that fits the page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas

from noisylab.core.foreign_text import for_latex, printable
from noisylab.core.lines import in_different_lines

# Points: the text of a page of `article`, narrower than that of any venue, and a column of a two-column page.
PAGE, COLUMN = 345.0, 234.0
# Points of `\tabcolsep`, which stands on both sides of a column, and characters per line of words and of headings.
GAP, TEXT, HEADING = 3.0, 26, 14
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
    r"""A `table`, or a `table*` if it is wider than a column of a two-column page.

    Args:
        caption: Plain text, like all that follows.
        names: Headings.
        text: Which columns are words; the others are numbers, aligned at their decimal points.
        rows: Cells, and whether they are bold.
        label: What `\ref` calls it; empty: nothing.

    Returns:
        LaTeX for a document that loads booktabs and siunitx. If it would be wider than the text of a page, the columns of
        numbers follow below each other, with the same words before them.

    Example:
        >>> from noisylab.report.latex import latex_table
        >>> print(latex_table("Accuracy.", ["method", "last"], [True, False], [[("ce", False), ("81.0", True)]]))
        % needs \usepackage{booktabs} and \usepackage{siunitx}
        \begin{table}[tb]
        \centering
        \caption{Accuracy.}
        \footnotesize
        \setlength{\tabcolsep}{3pt}
        \begin{tabular}{lS[table-format=2.1]}
        \toprule
        method & {last} \\
        \midrule
        ce & \bfseries 81.0 \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    bold = [[mark for _, mark in row] for row in rows]
    cells = [[printable(row[place][0]) for row in rows] for place in range(len(names))]
    words = {place: in_different_lines(cells[place], TEXT) for place in range(len(names)) if text[place]}
    # A row of words in several lines is several rows.
    heights = [max([1, *(len(lines[y]) for lines in words.values())]) for y in range(len(rows))]
    headings = in_different_lines(list(map(printable, names)), HEADING)
    columns = {}
    for place in range(len(names)):
        if place in words:
            parts = [_words_part(words[place], heights)]
        else:
            parts = _number_parts(cells[place], [row[place] for row in bold], heights)
        width = max(sum(part.width for part in parts), *map(_width, headings[place])) + 2 * GAP
        columns[place] = _Column(_heading(headings[place]), parts, width)
    blocks: list[list[_Column]] = [[columns[place] for place in words]]
    leading = len(words)
    for place, column in columns.items():
        if place in words:
            continue
        if len(blocks[-1]) > leading and sum(each.width for each in blocks[-1]) + column.width > PAGE:
            blocks.append(blocks[0][:leading])
        blocks[-1] = [*blocks[-1], column]
    width = max(sum(column.width for column in block) for block in blocks)
    environment = "table" if width <= COLUMN else "table*"
    lines = [
        r"% needs \usepackage{booktabs} and \usepackage{siunitx}",
        rf"\begin{{{environment}}}[tb]",
        r"\centering",
        rf"\caption{{{for_latex(caption)}}}",
        *([rf"\label{{{label}}}"] if label else []),
        r"\footnotesize",
        rf"\setlength{{\tabcolsep}}{{{GAP:g}pt}}",
        "\\par\\medskip\n".join(map(_tabular, blocks)).rstrip(),
        rf"\end{{{environment}}}",
        "",
    ]
    return "\n".join(lines)


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


def _tabular(block: Sequence[_Column]) -> str:
    parts = [(place, column.heading, part) for place, column in enumerate(block) for part in column.parts]
    # Numbers keep neighbours with one heading apart.
    keys = pandas.MultiIndex.from_tuples([(place, number) for number, (place, _, _) in enumerate(parts)])
    table = pandas.DataFrame(dict(enumerate(part.cells for _, _, part in parts)))
    table.columns = keys
    shown = table.style.hide(axis="index").hide(axis="columns", level=1)
    headings = [column.heading for column in block]
    shown = shown.format_index(lambda place: headings[int(str(place))], axis="columns", level=0)
    layout = "".join(part.layout for _, _, part in parts)
    return shown.to_latex(column_format=layout, hrules=True, siunitx=True, multicol_align="c")


def _width(text: str) -> float:
    r"""At least the points that text takes in `\footnotesize`."""
    return sum(2.8 if c in " .,:;()[]'|!il" else 6.9 if c in "mwMW@%=±+<>≥≤→&" or c.isupper() else 4.6 for c in text)
