"""A table as text, shown in the terminal, in Markdown and in LaTeX."""

import textwrap
from dataclasses import dataclass
from typing import Any

import pandas
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from noisylab.core.foreign_text import for_latex, for_markdown, printable
from noisylab.core.lines import in_lines

# Characters per line of words in the terminal.
TEXT = 26


@dataclass(frozen=True)
class Column:
    """A column. text: words, left-aligned; else numbers, right-aligned.

    fold: characters per line in the terminal, of the cells and of a heading over numbers. Nothing is broken within a word.
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

    def terminal(self, **options: Any) -> RichTable:
        """The table for rich's console, as narrow as its numbers allow; options go to `rich.table.Table`.

        A section is named on a line of its own, so that its name takes no column.
        """
        style: dict[str, Any] = {"title": Text(printable(self.caption)), "title_justify": "left", "box": SIMPLE_HEAD}
        style |= {"show_edge": False, "pad_edge": False, "padding": (0, 1, 0, 0)}
        table = RichTable(**style | options)
        columns = self.columns[self.sections :]
        for column in columns:
            if column.text:
                table.add_column(Text(column.name))
            else:
                table.add_column(Text(_wrapped(column.name, column.fold)), justify="right", no_wrap=True)
        for number, row in enumerate(self.rows):
            first = number == 0 or self._section(number) != self._section(number - 1)
            last = number + 1 == len(self.rows) or self._section(number) != self._section(number + 1)
            if self.sections and first:
                table.add_row(Text(printable(", ".join(self._named(number)))))
            cells = []
            for place, column in enumerate(columns, start=self.sections):
                if column.text:
                    indent = 2 if self.sections and place == self.sections else 0
                    shown = in_lines(printable(row[place]), column.fold or TEXT, indent)
                else:
                    shown = _wrapped(row[place].replace(" ± ", "±"), column.fold)
                # As plain text, because rich would take brackets in a label for markup.
                cells.append(Text(shown, style="bold" if (number, place) in self.bold else ""))
            table.add_row(*cells, end_section=last and self.sections > 0)
        return table

    def print(self, console: Console, **options: Any) -> None:
        """Print the complete table, even if a narrow terminal wraps its lines."""
        table = self.terminal(**options)
        wide = Console(file=console.file, width=1000)
        wide.width = max(console.width, Measurement.get(wide, wide.options, table).maximum)
        wide.print()
        wide.print(table)

    def markdown(self) -> str:
        """The caption and the table in Markdown."""
        bars = [["| ", " | ", " |"], ["|", "|", "|"]]
        heads = [for_markdown(column.name) for column in self.columns]
        lines = [heads, [":--" if column.text else "--:" for column in self.columns]]
        lines += [[f"**{for_markdown(cell)}**" if mark else for_markdown(cell) for cell, mark in row] for row in self.marked()]
        shapes = [bars[number == 1] for number in range(len(lines))]
        body = "".join(f"{a}{b.join(cells)}{c}\n" for (a, b, c), cells in zip(shapes, lines, strict=True))
        return f"{for_markdown(self.caption)}.\n\n{body}"

    def latex(self, *, two_columns: bool = False) -> str:
        """The table as a LaTeX `table` with booktabs; two_columns: spans both columns of a two-column page."""
        rows = [[rf"\textbf{{{for_latex(cell)}}}" if mark else for_latex(cell) for cell, mark in row] for row in self.marked()]
        shown = pandas.DataFrame(rows, columns=[for_latex(column.name) for column in self.columns])
        layout = "".join("l" if column.text else "r" for column in self.columns)
        caption = for_latex(f"{self.caption}.")
        text: str = shown.to_latex(index=False, escape=False, column_format=layout, caption=caption, position="tb")
        return text.replace("{table}", "{table*}") if two_columns else text

    def marked(self) -> list[list[tuple[str, bool]]]:
        """Every cell, and whether it is bold."""
        return [[(cell, (y, x) in self.bold) for x, cell in enumerate(row)] for y, row in enumerate(self.rows)]

    def _section(self, row: int) -> tuple[str, ...]:
        return self.rows[row][: self.sections]

    def _named(self, row: int) -> list[str]:
        """The values that the section of a row shares, each with the name of its column unless it says it itself."""
        shared = zip(self.columns, self._section(row), strict=False)
        return [value if column.name == "noise" else f"{column.name} {value}" for column, value in shared]


def _wrapped(text: str, fold: int | None) -> str:
    """Text in lines of `fold` characters, if its words allow it."""
    return text if fold is None else "\n".join(textwrap.wrap(text, fold, break_long_words=False))
