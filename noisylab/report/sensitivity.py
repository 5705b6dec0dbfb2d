"""What the study of DLB's sensitivity makes of its finished runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from noisylab.analysis.statistics import percent
from noisylab.analysis.tables import summarise
from noisylab.plotting.sensitivity import grid_of, sensitivity_figure
from noisylab.plotting.style import save_figure
from noisylab.report.tables import protocol
from noisylab.study.run_folder import collect


def report(out: Path, batch_sizes: Sequence[int], console: Console) -> None:
    """Write the table and the maps of the finished runs below `out`, and say where they are."""
    parts, titles = [], []
    for size in batch_sizes:
        for folder, name in ((out / f"batch-{size}", ""), (out / f"batch-{size}-ce-matched", "-matched")):
            results = collect(folder)
            if results.empty:
                console.print(f"no run of {folder} has finished, so there is nothing to show")
                return
            rows = summarise(results)
            grid = [grid_of(method) for method in rows["method"]]
            temperature, alpha = np.array(grid).T
            is_dlb = ~np.isnan(temperature)
            kind = np.where(is_dlb, "dlb", rows["method"].astype(str) + name)
            parts.append(rows.assign(batch_size=size, method=kind, temperature=temperature, alpha=alpha))
            titles.append(protocol(results))
    summary = pandas.concat(parts, ignore_index=True)
    columns = ["batch_size", "method", "temperature", "alpha", "n", "test_accuracy_last", "test_accuracy_last_ci", "memorised"]
    place = {"ce": 0, "ce-matched": 1, "repeat": 2, "dlb": 3}
    summary = summary.assign(place=summary["method"].map(place)).sort_values(["batch_size", "place", "temperature", "alpha"])
    summary = summary[[*columns, "memorised_ci", "images_processed", "steps"]]
    # A table is shown whole, though a narrow terminal breaks its lines.
    Console(file=console.file, width=max(console.width, 110)).print(_table(summary))
    noise = collect(out / f"batch-{batch_sizes[0]}")["noise"].iloc[0]
    title = (
        f"{titles[0].split(', batch')[0]}, {noise}\ntest accuracy in percent, last epoch, mean over {summary['n'].max()} seeds"
    )
    figure, numbers = sensitivity_figure(summary, title)
    paths = save_figure(figure, out / "sensitivity", numbers)
    console.print(f"table and maps: {', '.join(map(str, paths))}", soft_wrap=True, highlight=False)


def _table(summary: pandas.DataFrame) -> Table:
    title = "Test accuracy in percent at the last epoch, mean ± 95 % interval over seeds (Student t)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("batch", "method", "temperature", "alpha", "seeds", "test accuracy", "memorised", "images"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for _, rows in summary.groupby("batch_size", sort=False):
        for place, row in enumerate(rows.to_dict("records")):
            table.add_row(
                str(row["batch_size"]) if place == 0 else "",
                str(row["method"]),
                "" if np.isnan(row["temperature"]) else f"{row['temperature']:g}",
                "" if np.isnan(row["alpha"]) else f"{row['alpha']:g}",
                str(row["n"]),
                percent(row["test_accuracy_last"], row["test_accuracy_last_ci"]),
                percent(row["memorised"], row["memorised_ci"]),
                f"{row['images_processed']:,.0f}",
                end_section=place == len(rows) - 1,
            )
    return table
