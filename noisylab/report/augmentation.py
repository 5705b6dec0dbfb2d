"""What the study of augmentations makes of its finished runs."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from noisylab.analysis.statistics import holm, percent
from noisylab.analysis.tables import compare, summarise
from noisylab.core.files import write_atomically
from noisylab.core.registries import METHODS
from noisylab.plotting.augmentation import augmentation_figure
from noisylab.plotting.style import save_figure
from noisylab.report.tables import protocol
from noisylab.study.run_folder import collect

COLUMNS = ["augmentation", "method", "n", "test_accuracy_last", "test_accuracy_last_ci", "memorised", "memorised_ci"]


def folder_of(out: Path, augmentation: str) -> Path:
    """Where the runs with an augmentation are: its spec, as far as a file's name can hold it."""
    return out / re.sub(r"[^A-Za-z0-9.=]+", "-", augmentation).strip("-")


def report(out: Path, augmentations: Sequence[str], methods: Sequence[str], console: Console) -> None:
    """Write the tables and the figure of the finished runs below `out`, methods in this order, and say where they are."""
    order = {METHODS.parse(method).label: place for place, method in enumerate(methods)}
    parts, differences, told = [], [], ""
    for name in augmentations:
        results = collect(folder_of(out, name))
        if results.empty:
            console.print(f"no run with {name} has finished, so there is nothing to show", markup=False)
            return
        results = results[results["method"].isin(order)]
        results = results.sort_values("method", key=lambda labels: labels.map(order), kind="stable")
        parts.append(summarise(results).assign(augmentation=name))
        differences.append(compare(results, baselines=["ce", "repeat"]).assign(augmentation=name))
        told = told or f"{protocol(results).split(':')[0]}, {results['noise'].iloc[0]}"
    summary = pandas.concat(parts, ignore_index=True)[[*COLUMNS, "images_processed", "steps"]]
    paired = pandas.concat(differences, ignore_index=True)
    # One family of tests: those of all augmentations.
    paired = paired.assign(p_holm=holm(paired["p"]))[
        ["augmentation", "method", "baseline", "n", "difference", "difference_ci", "p", "p_holm"]
    ]
    # A table is shown whole, though a narrow terminal breaks its lines.
    wide = Console(file=console.file, width=max(console.width, 110))
    wide.print(_accuracies(summary), _differences(paired))
    title = f"{told}\ntest accuracy in percent at the last epoch, mean and 95 % interval over {summary['n'].max()} seeds"
    figure, numbers = augmentation_figure(summary, title)
    paths = save_figure(figure, out / "augmentation", numbers)
    write_atomically(out / "differences.csv", paired.to_csv(index=False))
    paths.append(out / "differences.csv")
    console.print(f"tables and figure: {', '.join(map(str, paths))}", soft_wrap=True, highlight=False, markup=False)


def _accuracies(summary: pandas.DataFrame) -> Table:
    title = "Test accuracy in percent at the last epoch, mean ± 95 % interval over seeds (Student t)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("augmentation", "method", "seeds", "test accuracy", "memorised", "images", "steps"):
        table.add_column(column, justify="left" if column in ("augmentation", "method") else "right")
    for name, rows in summary.groupby("augmentation", sort=False):
        for place, row in enumerate(rows.to_dict("records")):
            table.add_row(
                str(name) if place == 0 else "",
                str(row["method"]),
                str(row["n"]),
                percent(row["test_accuracy_last"], row["test_accuracy_last_ci"]),
                # Of a mixed image there is no prediction, unless there is an extra pass.
                "-" if np.isnan(row["memorised"]) else percent(row["memorised"], row["memorised_ci"]),
                f"{row['images_processed']:,.0f}",
                f"{row['steps']:,.0f}",
                end_section=place == len(rows) - 1,
            )
    return table


def _differences(paired: pandas.DataFrame) -> Table:
    title = f"Differences in points, paired by seed; p after Holm's correction for {len(paired)} comparisons"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("augmentation", "difference", "pairs", "points", "p"):
        table.add_column(column, justify="left" if column in ("augmentation", "difference") else "right")
    for name, rows in paired.groupby("augmentation", sort=False):
        for place, row in enumerate(rows.to_dict("records")):
            table.add_row(
                str(name) if place == 0 else "",
                f"{row['method']} - {row['baseline']}",
                str(row["n"]),
                percent(row["difference"], row["difference_ci"], sign="+"),
                "" if np.isnan(row["p_holm"]) else f"{row['p_holm']:.3f}",
                end_section=place == len(rows) - 1,
            )
    return table
