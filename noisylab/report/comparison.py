"""What every study does with its grid of runs: execute it with live progress, and show tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas
from rich.console import Console

from noisylab.analysis.tables import compare, summarise
from noisylab.core.files import write_atomically
from noisylab.core.registries import METHODS
from noisylab.plotting.catalogue import ranks_of, robustness_of, story_of
from noisylab.plotting.style import save_figure
from noisylab.report.tables import accuracy_table, difference_table, protocol, to_latex, to_markdown
from noisylab.report.terminal import print_tables
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import read_result


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
    print_tables(summary, differences, console)
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
    print_tables(summary, differences, console)
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


def _say_where(paths: list[Path], configs: Sequence[RunConfig], results: pandas.DataFrame, console: Console) -> None:
    console.print(f"one row per run, tables and figures: {', '.join(map(str, paths))}", soft_wrap=True, highlight=False)
    if len(results) < len(configs):
        missing = [config.id for config in configs if config.id not in set(results["id"])]
        console.print(f"not run, and not in the tables and figures: {', '.join(missing)}", soft_wrap=True, highlight=False)
