"""A table as text, shown in the terminal, in Markdown and in LaTeX."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from noisylab.core.foreign_text import for_markdown, padded, printable, width_of
from noisylab.core.lines import in_different_lines
from noisylab.report.console import say
from noisylab.report.latex import latex_table

# Characters per line of words in the terminal, at least; more if there is room.
TEXT = 26


@dataclass(frozen=True)
class Column:
    """A column. text: words, left-aligned; else numbers, right-aligned.

    fold: characters per line in the terminal, of words at least, and of the cells and the heading of numbers. Nothing is broken
    within a word.
    """

    name: str
    text: bool = False
    fold: int | None = None


@dataclass(frozen=True)
class Table:
    """A table as text: caption, columns, cells, and the bold cells (row and column).

    sections: number of leading columns that a section shares. They are written, with a line above, only if they change.

    Example:
        >>> from noisylab.report.table import Column, Table
        >>> table = Table("Accuracy in percent", (Column("method", text=True), Column("accuracy")), (("ce", "81.0 ± 2.5"),))
        >>> print(table.markdown())
        Accuracy in percent.
        <BLANKLINE>
        | method | accuracy |
        |:--|--:|
        | ce | 81.0 ± 2.5 |
        <BLANKLINE>
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    bold: frozenset[tuple[int, int]] = frozenset()
    sections: int = 0

    def fits(self, width: int) -> bool:
        """Whether the table fits a terminal of `width` characters in one piece."""
        return len(self._blocks(width, gap=1)) == 1

    def terminal(self, width: int = 80) -> Text:
        """The table in lines of at most `width` characters.

        Long words get further lines; if numbers do not fit beside each other, further columns follow below with the same rows.
        Names that cannot be broken are shortened, to different texts. A section is named on a line of its own, so that its name
        takes no column. Lines are only longer if a single column is wider.
        """
        gap = 2 if len(self._blocks(width, gap=2)) == 1 else 1
        blocks, words = self._blocks(width, gap), self._places(text=True)
        # The same words in all blocks.
        numbers = max(sum(self._number_width(place) + gap for place in block) for block in blocks)
        room = width - numbers - gap * max(0, len(words) - 1)
        widths = _shared([self._word_width(place) for place in words], list(map(self._least, words)), room)
        shown = {
            place: in_different_lines([printable(row[place]) for row in self.rows], each, self._indent(place))
            for place, each in zip(words, widths, strict=True)
        }
        return Text("\n\n").join(self._block([*words, *block], shown, width, gap) for block in blocks)

    def print(self, console: Console) -> None:
        """Print the caption and the whole table, in lines that fit the console."""
        console.print()
        say(console, f"{self.caption}.", wrap=True)
        console.print(self.terminal(console.width), soft_wrap=True)

    def markdown(self) -> str:
        """The caption and the table in Markdown."""
        bars = [["| ", " | ", " |"], ["|", "|", "|"]]
        heads = [for_markdown(column.name) for column in self.columns]
        lines = [heads, [":--" if column.text else "--:" for column in self.columns]]
        lines += [[f"**{for_markdown(cell)}**" if mark else for_markdown(cell) for cell, mark in row] for row in self.marked()]
        shapes = [bars[number == 1] for number in range(len(lines))]
        body = "".join(f"{a}{b.join(cells)}{c}\n" for (a, b, c), cells in zip(shapes, lines, strict=True))
        return f"{for_markdown(self.caption)}.\n\n{body}"

    def latex(self, label: str = "") -> str:
        r"""The table as a LaTeX `table` with booktabs and siunitx that fits the page of the class.

        label: what `\ref` calls it. If the table is wider than a column of a two-column page, it is a `table*`; if it is wider
        than the text, its further columns stand below with the same rows; if it is higher than a page, further tables continue
        it.
        """
        return latex_table(
            f"{self.caption}.",
            [column.name for column in self.columns],
            [column.text for column in self.columns],
            self.marked(),
            label,
        )

    def marked(self) -> list[list[tuple[str, bool]]]:
        """Every cell, and whether it is bold."""
        return [[(cell, (y, x) in self.bold) for x, cell in enumerate(row)] for y, row in enumerate(self.rows)]

    def _places(self, *, text: bool) -> list[int]:
        return [place for place, column in enumerate(self.columns) if place >= self.sections and column.text == text]

    def _indent(self, place: int) -> int:
        return 2 if self.sections and place == self.sections else 0

    def _number(self, row: int, place: int) -> list[str]:
        return _wrapped(printable(self.rows[row][place]).replace(" ± ", "±"), self.columns[place].fold)

    def _head(self, place: int) -> list[str]:
        column = self.columns[place]
        return [column.name] if column.text else _wrapped(column.name, column.fold)

    def _number_width(self, place: int) -> int:
        lines = [*self._head(place), *(line for row in range(len(self.rows)) for line in self._number(row, place))]
        return max(map(width_of, lines))

    def _word_width(self, place: int) -> int:
        cells = (self._indent(place) + width_of(printable(row[place])) for row in self.rows)
        return max(width_of(self.columns[place].name), *cells, 0)

    def _least(self, place: int) -> int:
        """Characters per line of a column of words, at least."""
        return min(self._word_width(place), self.columns[place].fold or TEXT)

    def _blocks(self, width: int, gap: int) -> list[list[int]]:
        """The columns of numbers that stand beside each other, in as few blocks as fit, of about the same width."""
        blocks = self._filled(width, gap)
        while len(blocks) > 1 and len(narrower := self._filled(width - 1, gap)) == len(blocks) and width > 1:
            blocks, width = narrower, width - 1
        return blocks

    def _filled(self, width: int, gap: int) -> list[list[int]]:
        """The columns of numbers in blocks, each as full as it can be."""
        words = sum(self._least(place) + gap for place in self._places(text=True))
        blocks: list[list[int]] = [[]]
        used = words
        for place in self._places(text=False):
            taken = self._number_width(place)
            if blocks[-1] and used + taken > width:
                blocks.append([])
                used = words
            blocks[-1].append(place)
            used += taken + gap
        return blocks

    def _block(self, places: Sequence[int], shown: dict[int, list[list[str]]], width: int, gap: int) -> Text:
        """Some columns below their headings."""
        widths = {place: self._number_width(place) for place in places}
        for place, cells in shown.items():
            widths[place] = max(map(width_of, (line for lines in [self._head(place), *cells] for line in lines)))

        def line(lines: dict[int, list[str]], number: int, row: int = -1) -> Text:
            parts = []
            for place in places:
                cell = lines[place][number] if number < len(lines[place]) else ""
                bold = "bold" if (row, place) in self.bold else ""
                # As plain text, because rich would take brackets in a label for markup.
                parts.append(Text(padded(cell, widths[place], right=place not in shown), style=bold))
            joined = Text(" " * gap).join(parts)
            joined.rstrip()
            return joined

        heads = {place: self._head(place) for place in places}
        height = max(map(len, heads.values()))
        # Headings stand on the line below them.
        heads = {place: [""] * (height - len(head)) + head for place, head in heads.items()}
        text = [line(heads, number) for number in range(height)]
        text.append(Text("─" * (sum(widths.values()) + gap * (len(widths) - 1))))
        sections = in_different_lines([printable(", ".join(self._named(row))) for row in range(len(self.rows))], width)
        for row in range(len(self.rows)):
            if self.sections and (row == 0 or self._section(row) != self._section(row - 1)):
                text += [Text("")] * (row > 0) + list(map(Text, sections[row]))
            row_cells = {place: shown[place][row] if place in shown else self._number(row, place) for place in places}
            text += [line(row_cells, number, row) for number in range(max(map(len, row_cells.values())))]
        return Text("\n").join(text)

    def _section(self, row: int) -> tuple[str, ...]:
        return self.rows[row][: self.sections]

    def _named(self, row: int) -> list[str]:
        """The values that the section of a row shares, each with the name of its column unless it says it itself."""
        shared = zip(self.columns, self._section(row), strict=False)
        return [value if column.name == "noise" else f"{column.name} {value}" for column, value in shared]


def _wrapped(text: str, fold: int | None) -> list[str]:
    """Text in lines of `fold` characters, if its words allow it."""
    return [text] if fold is None else textwrap.wrap(text, fold, break_long_words=False, break_on_hyphens=False) or [""]


def _shared(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The room for columns of words, the narrowest first served."""
    widths, left = list(natural), len(natural)
    for place in sorted(range(len(natural)), key=lambda place: natural[place]):
        widths[place] = min(natural[place], max(room // left, least[place]))
        room, left = room - widths[place], left - 1
    return widths
