"""Tables of a study, made once, and shown in the terminal, in Markdown, in LaTeX and on the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from noisylab.analysis.statistics import format_interval, format_p
from noisylab.analysis.tables import compare, differing_settings, leaders, summarise, training_length

_LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "_%&#${}"},
        "±": r"$\pm$",
        "≥": r"$\geq$",
        "<": r"$<$",
        ">": r"$>$",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def latex_text(text: str) -> str:
    """`text` with LaTeX's special characters escaped."""
    return text.translate(_LATEX)


@dataclass(frozen=True)
class Column:
    """A column. text: words, left-aligned; else numbers, right-aligned. fold: characters per line in the terminal."""

    name: str
    text: bool = False
    fold: int | None = None


@dataclass(frozen=True)
class Table:
    """A table as text: caption, columns, cells, and the bold cells (row and column).

    sections: number of leading columns that a section shares. They are written, with a line above, only if they change.

    Example:
        >>> from noisylab.report.tables import Column, Table
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
        """The table for rich's console; options go to `rich.table.Table`."""
        style: dict[str, Any] = {"title": Text(self.caption), "title_justify": "left", "box": SIMPLE_HEAD}
        table = RichTable(**style | options)
        for column in self.columns:
            if column.text:
                table.add_column(column.name, max_width=column.fold or 30, overflow="fold")
            else:
                table.add_column(column.name, justify="right", max_width=column.fold, no_wrap=column.fold is None)
        for number, row in enumerate(self.rows):
            same = number > 0 and self._section(number) == self._section(number - 1)
            last = number + 1 == len(self.rows) or self._section(number) != self._section(number + 1)
            shown = ["" if same and place < self.sections else cell for place, cell in enumerate(row)]
            # As plain text, because rich would take brackets in a label for markup.
            cells = [Text(cell, style="bold" if (number, place) in self.bold else "") for place, cell in enumerate(shown)]
            table.add_row(*cells, end_section=last and self.sections > 0)
        return table

    def print(self, console: Console, **options: Any) -> None:
        """Print the complete table, even if a narrow terminal wraps its lines."""
        table = self.terminal(**options)
        wide = Console(file=console.file, width=1000)
        wide.width = max(console.width, Measurement.get(wide, wide.options, table).maximum)
        wide.print(table)

    def markdown(self) -> str:
        """The caption and the table in Markdown."""
        bars = [["| ", " | ", " |"], ["|", "|", "|"]]
        lines = [[column.name for column in self.columns], [":--" if column.text else "--:" for column in self.columns]]
        lines += [[f"**{cell}**" if mark else cell for cell, mark in row] for row in self.marked()]
        shapes = [bars[number == 1] for number in range(len(lines))]
        body = "".join(f"{a}{b.join(cells)}{c}\n" for (a, b, c), cells in zip(shapes, lines, strict=True))
        return f"{self.caption}.\n\n{body}"

    def latex(self, *, two_columns: bool = False) -> str:
        """The table as a LaTeX `table` with booktabs; two_columns: spans both columns of a two-column page."""
        rows = [
            [rf"\textbf{{{latex_text(cell)}}}" if mark else latex_text(cell) for cell, mark in row] for row in self.marked()
        ]
        shown = pandas.DataFrame(rows, columns=[latex_text(column.name) for column in self.columns])
        layout = "".join("l" if column.text else "r" for column in self.columns)
        caption = latex_text(f"{self.caption}.")
        text: str = shown.to_latex(index=False, escape=False, column_format=layout, caption=caption, position="tb")
        return text.replace("{table}", "{table*}") if two_columns else text

    def marked(self) -> list[list[tuple[str, bool]]]:
        """Every cell, and whether it is bold."""
        return [[(cell, (y, x) in self.bold) for x, cell in enumerate(row)] for y, row in enumerate(self.rows)]

    def _section(self, row: int) -> tuple[str, ...]:
        return self.rows[row][: self.sections]


def results_table(summary: pandas.DataFrame, by: Sequence[str] = ()) -> Table:
    """A row per value of `by`, noise and method. summary: from `noisylab.analysis.tables.summarise` with the same `by`."""
    text = [Column(name.replace("_", " "), text=True) for name in (*by, "noise")]
    numbers = ("seeds", "test accuracy", "last 10 epochs", "memorised", "images", "steps")
    rows = tuple(
        (
            *(str(row[name]) for name in (*by, "noise")),
            f"{row['realised_rate']:.3f}",
            str(row["method"]),
            str(row["n"]),
            *(
                format_interval(row[name], row[f"{name}_ci95_half"])
                for name in ("test_accuracy_last", "test_accuracy_last10", "memorised")
            ),
            f"{row['images_processed']:,.0f}",
            f"{row['steps']:,.0f}",
        )
        for row in summary.to_dict("records")
    )
    columns = (*text, Column("realised rate"), Column("method", text=True), *map(Column, numbers))
    caption = "Last epoch, in percent: mean ± 95 % interval over seeds (Student t)"
    return Table(caption, columns, rows, sections=len(by) + 2)


def differences_table(differences: pandas.DataFrame, by: Sequence[str] = ()) -> Table:
    """A row per value of `by`, noise and pair of methods. differences: from `noisylab.analysis.tables.compare` with `by`."""
    text = (*(Column(name.replace("_", " "), text=True) for name in (*by, "noise")), Column("difference", text=True, fold=40))
    rows = tuple(
        (
            *(str(row[name]) for name in (*by, "noise")),
            f"{row['method']} - {row['baseline']}",
            str(row["n"]),
            format_interval(row["difference"], row["difference_ci95_half"], sign="+"),
            format_p(row["p_holm"]),
        )
        for row in differences.to_dict("records")
    )
    caption = f"Last-epoch test accuracy in points, paired by seed (p: Holm over {differences['p'].notna().sum()} tests)"
    columns = (*text, *map(Column, ("seeds", "mean ± 95 % interval", "p")))
    return Table(caption, columns, rows, sections=len(by) + 1)


def accuracy_table(results: pandas.DataFrame, measure: str = "test_accuracy_last", by: Sequence[str] = ()) -> Table:
    """A row per value of `by` and method, a column per noise: mean ± 95 % interval in percent, and the exposure.

    The best method under a noise is bold if it is significantly above all others. Raises ValueError if the runs differ in a
    setting that is not in `by`.
    """
    summary, best = summarise(results, by), leaders(results, measure, by)
    significant = {_key(row, (*by, "noise", "method")) for row in best.to_dict("records") if row["significant"]}
    noises = list(dict.fromkeys(summary["noise"]))
    rows: list[tuple[str, ...]] = []
    bold = set()
    for key, group in summary.groupby([*by, "method"], sort=False, dropna=False):
        cells = dict.fromkeys(noises, "-")
        for row in group.to_dict("records"):
            cells[row["noise"]] = format_interval(row[measure], row[f"{measure}_ci95_half"])
            if _key(row, (*by, "noise", "method")) in significant:
                bold.add((len(rows), len(key) + noises.index(row["noise"])))
        exposure = (f"{group['images_processed'].mean():,.0f}", f"{group['steps'].mean():,.0f}")
        rows.append((*map(str, key), *cells.values(), *exposure))
    text = (Column(name.replace("_", " "), text=True) for name in (*by, "method"))
    columns = (*text, *map(Column, (*noises, "images", "steps")))
    caption = f"{protocol(results)}. Bold: significantly above every other method (paired t-tests, Holm, p < .05)"
    return Table(caption, columns, tuple(rows), frozenset(bold), sections=len(by))


def points_table(
    results: pandas.DataFrame, baselines: Sequence[str], measure: str = "test_accuracy_last", by: Sequence[str] = ()
) -> Table:
    """A row per value of `by` and pair of methods, a column per noise: the paired difference in points and Holm's p.

    The correction is over the whole table. Raises ValueError if the runs differ in a setting that is not in `by`.
    """
    differences = compare(results, measure, baselines, by)
    noises = list(dict.fromkeys(differences["noise"]))
    rows = []
    for key, group in differences.groupby([*by, "method", "baseline"], sort=False, dropna=False):
        cells = dict.fromkeys(noises, "-")
        for row in group.to_dict("records"):
            p = f" ({format_p(row['p_holm'])})" if row["p_holm"] == row["p_holm"] else ""
            cells[row["noise"]] = format_interval(row["difference"], row["difference_ci95_half"], sign="+") + p
        *settings, method, baseline = map(str, key)
        rows.append((*settings, f"{method} - {baseline}", *cells.values()))
    text = (Column(name.replace("_", " "), text=True) for name in (*by, "difference"))
    caption = f"{protocol(results)}. Differences in points, paired by seed (p: paired t-test, Holm over the table)"
    return Table(caption, (*text, *map(Column, noises)), tuple(rows), sections=len(by))


def protocol(results: pandas.DataFrame) -> str:
    """The settings that all runs of a table share, as one sentence."""
    first, different = results.iloc[0], differing_settings(results)
    said = {
        ("data",): str(first["data"]),
        ("train_size",): f"{first['train_size']:,} training samples",
        ("model",): str(first["model"]),
        ("budget", "epochs"): training_length(first),
        ("batch_size",): f"batch {first['batch_size']}",
    }
    task = ", ".join(text for names, text in said.items() if not different.keys() & set(names))
    seeds = results.groupby(["noise", "method"])["seed"].nunique()
    count = " to ".join(dict.fromkeys(map(str, (seeds.min(), seeds.max()))))
    measure = "test accuracy in percent at the last epoch, mean ± 95 % interval (Student t)"
    return f"{task}: {measure} over {count} seeds"


def _key(row: dict[Any, Any], columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in columns)
