"""Tables of a study for the terminal."""

import math

import pandas
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def print_tables(summary: pandas.DataFrame, differences: pandas.DataFrame, console: Console) -> None:
    """Print the summary of a study and its differences."""
    # A table is shown whole, though a narrow terminal breaks its lines.
    wide = Console(file=console.file, width=max(console.width, 128))
    wide.print(results_table(summary))
    if len(differences):
        wide.print(differences_table(differences))


def results_table(summary: pandas.DataFrame) -> Table:
    """The summary of a study for the terminal: mean ± 95 % interval over seeds."""
    table = Table(title="Last epoch, mean ± 95 % interval over seeds (Student t)", title_justify="left", box=SIMPLE_HEAD)
    for name in (
        "noise",
        "realised rate",
        "method",
        "seeds",
        "test accuracy",
        "last 10 epochs",
        "memorised",
        "images",
        "steps",
    ):
        if name in ("noise", "method"):
            table.add_column(name, max_width=30, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for noise, rows in summary.groupby("noise", sort=False):
        for position, row in enumerate(rows.to_dict("records")):
            table.add_row(
                *([str(noise), f"{row['realised_rate']:.3f}"] if position == 0 else ["", ""]),
                str(row["method"]),
                str(row["n"]),
                _with_interval(row["test_accuracy_last"], row["test_accuracy_last_ci"]),
                _with_interval(row["test_accuracy_last10"], row["test_accuracy_last10_ci"]),
                _with_interval(row["memorised"], row["memorised_ci"]),
                f"{row['images_processed']:,.0f}",
                f"{row['steps']:,.0f}",
                end_section=position == len(rows) - 1,
            )
    return table


def differences_table(differences: pandas.DataFrame) -> Table:
    """Paired differences between methods for the terminal."""
    table = Table(
        title="Last-epoch test accuracy, paired by seed (p: Holm)",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for name in ("noise", "difference", "seeds", "mean ± 95 % interval", "p"):
        if name in ("noise", "difference"):
            table.add_column(name, max_width=40, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for noise, rows in differences.groupby("noise", sort=False):
        for position, row in enumerate(rows.to_dict("records")):
            table.add_row(
                str(noise) if position == 0 else "",
                f"{row['method']} - {row['baseline']}",
                str(row["n"]),
                _with_interval(row["difference"], row["difference_ci"], sign="+"),
                "-" if math.isnan(row["p_holm"]) else f"{row['p_holm']:.3f}",
                end_section=position == len(rows) - 1,
            )
    return table


def _with_interval(mean: float, half: float, sign: str = "") -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:{sign}.3f}" + ("" if math.isnan(half) else f" ± {half:.3f}")
