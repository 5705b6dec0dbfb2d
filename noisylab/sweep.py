"""What every study does with its grid of runs: execute it with live progress, and show tables."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from noisylab.analysis.tables import compare, summarise
from noisylab.data.base import ImageData
from noisylab.files import write_atomically
from noisylab.parallel import Failure, run_all
from noisylab.plotting.study import ranks_of, robustness_of, story_of
from noisylab.plotting.style import save_figure
from noisylab.publish import accuracy_table, difference_table, protocol, to_latex, to_markdown
from noisylab.registries import METHODS
from noisylab.runs import RunConfig, read_result, write_results


def execute_grid(configs: Sequence[RunConfig], data: ImageData, out: Path, jobs: int, console: Console) -> list[Failure]:
    """Execute what is missing of a grid in `out`, write `results.csv`, and return the runs that failed.

    On a terminal there is a bar with the time left; elsewhere a line for every finished run.
    """
    missing = [config for config in configs if read_result(out / config.id) is None]
    console.print(f"{len(configs)} runs, {len(configs) - len(missing)} already done; {len(missing)} to do on {jobs} processes")
    if not missing:
        write_results(out)
        return []
    jobs = min(jobs, len(missing))
    finished = 0
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with (
        tempfile.TemporaryDirectory(prefix="noisylab-") as folder,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        data.save(Path(folder))
        task = progress.add_task(f"0/{len(missing)} runs", total=sum(config.training.epochs for config in missing))

        def on_result(config: RunConfig, result: dict[str, Any]) -> None:
            nonlocal finished
            finished += 1
            progress.update(task, description=f"{finished}/{len(missing)} runs")
            if not console.is_terminal:
                console.print(
                    f"[{finished}/{len(missing)}] {result['method']}, {result['noise']}, seed {config.seed}: "
                    f"test accuracy {result['test_accuracy_last']:.3f} ({result['seconds']:.1f} s)",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )

        try:
            return run_all(
                missing,
                Path(folder),
                out,
                jobs,
                on_result=on_result,
                on_progress=lambda epochs: progress.update(task, completed=sum(epochs)),
            )
        finally:
            write_results(out)


def report_sweep(configs: Sequence[RunConfig], out: Path, console: Console, controls: Sequence[str] = ()) -> None:
    """Print the tables of a grid's finished runs, draw its figures, and say where everything is and what was not run.

    controls: methods that all others are compared with, beside the first one of the grid.
    """
    results = _finished(configs, out)
    if results.empty:
        console.print("no run has finished, so there is nothing to show")
        return
    baselines = list(dict.fromkeys([_first(configs), *controls]))
    summary, differences = summarise(results), compare(results, baselines=baselines)
    _print_tables(summary, differences, console)
    write_atomically(out / "summary.csv", summary.to_csv(index=False))
    write_atomically(out / "differences.csv", differences.to_csv(index=False))
    paths = [out / "results.csv", out / "summary.csv", out / "differences.csv"]
    figures = {"noise_robustness": robustness_of(results), "memorisation": story_of(results, out)}
    for name, drawn in figures.items():
        if drawn is None:
            console.print(f"no figure {name}: no sample is mislabelled, or nothing was recorded of them")
        else:
            paths += save_figure(drawn[0], out / name, drawn[1])[:2]
    _say_where(paths, configs, results, console)


def report_comparison(configs: Sequence[RunConfig], out: Path, console: Console) -> None:
    """The same for a comparison of many methods with the first one: CSV, Markdown and LaTeX tables, and the rank plot."""
    results = _finished(configs, out)
    if results.empty:
        console.print("no run has finished, so there is nothing to show")
        return
    baseline = _first(configs)
    summary, differences = summarise(results), compare(results, baselines=[baseline])
    _print_tables(summary, differences, console)
    if differences.empty:
        console.print(f"no differences: no run of {baseline} has finished beside one of another method", highlight=False)
    accuracy, bold = accuracy_table(results)
    points = difference_table(results, baseline)
    told = protocol(results)
    said = {
        "comparison": (accuracy, bold, f"{told}. Bold: significantly above every other method (paired t-tests, Holm, p < .05)"),
        "differences": (
            points,
            None,
            f"{told}. Difference to {baseline}, paired by seed (p: paired t-test, Holm over the table)",
        ),
    }
    paths = [out / "results.csv"]
    for name, numbers in {"comparison": summary, "differences": differences}.items():
        table, marked, caption = said[name]
        contents = {
            "csv": numbers.to_csv(index=False),
            "md": f"{caption}.\n\n{to_markdown(table, marked)}",
            "tex": to_latex(table, f"{caption}.", marked),
        }
        for kind, content in contents.items():
            write_atomically(out / f"{name}.{kind}", content)
            paths.append(out / f"{name}.{kind}")
    drawn = ranks_of(results)
    if drawn is None:
        console.print("no rank plot: no seed has been run with every method")
    else:
        paths += save_figure(drawn[0], out / "method_ranks", drawn[1])[:2]
    _say_where(paths, configs, results, console)


def _first(configs: Sequence[RunConfig]) -> str:
    """The first method of a grid, whether it has finished or not."""
    return METHODS.parse(configs[0].method).label


def _finished(configs: Sequence[RunConfig], out: Path) -> pandas.DataFrame:
    return pandas.DataFrame([result for config in configs if (result := read_result(out / config.id)) is not None])


def _print_tables(summary: pandas.DataFrame, differences: pandas.DataFrame, console: Console) -> None:
    # A table is shown whole, though a narrow terminal breaks its lines.
    wide = Console(file=console.file, width=max(console.width, 128))
    wide.print(results_table(summary))
    if len(differences):
        wide.print(differences_table(differences))


def _say_where(paths: list[Path], configs: Sequence[RunConfig], results: pandas.DataFrame, console: Console) -> None:
    console.print(f"one row per run, tables and figures: {', '.join(map(str, paths))}", soft_wrap=True, highlight=False)
    if len(results) < len(configs):
        missing = [config.id for config in configs if config.id not in set(results["id"])]
        console.print(f"not run, and not in the tables and figures: {', '.join(missing)}", soft_wrap=True, highlight=False)


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
