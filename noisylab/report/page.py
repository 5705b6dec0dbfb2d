"""The page: tables, figures and the sample explorer, in one file that needs no network."""

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import pandas
from jinja2 import Environment, PackageLoader
from PIL import Image

from noisylab.analysis.comparisons import compare, primary_contrasts, usual_pairs
from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.tables import differing_settings, summarise
from noisylab.core.files import expanded, make_output, write_atomically
from noisylab.core.foreign_text import for_csv, for_html
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import listed
from noisylab.plotting.catalogue import draw_figure, why_not
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.report.comparison_tables import contrasts_table, points_table, power_lines
from noisylab.report.runs_table import runs_table
from noisylab.report.samples import Explored, explorer_data, packed, sheets
from noisylab.report.tables import accuracy_table, results_table
from noisylab.study.inputs import trained_data_of_run

Progress: TypeAlias = Callable[[str], object]

# The first figures; the others follow by name.
FIRST = ("memorisation", "differences", "noise_robustness", "axis_comparison", "option_map", "method_ranks")
DPI = 160
# The page holds the numbers of a figure with at most this many rows.
MOST_NUMBERS = 20_000
# Rows of samples (samples x methods x settings of noise and seed) of a page; 70 bytes each, so that eleven methods under five
# noises make a page of 10 MB.
MOST_ROWS = 85_000
# The scripts, in their order: of every page, and of the samples.
COMMON = ("page.js",)
EXPLORER = ("vendor/uPlot.iife.min.js", "arrays.js", "charts.js", "explorer.js")


def _silent(part: str) -> None:
    del part


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page: its picture with size in pixels, what it shows in words, and its numbers as packed CSV if short."""

    name: str
    caption: str
    words: str
    url: str
    size: tuple[int, int]
    numbers: str


def write_report(
    folder: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    noise: str | None = None,
    seed: int | None = None,
    where: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    samples: bool = True,
    data_root: str | PathLike[str] | None = None,
    labels: Mapping[str, str] | None = None,
    progress: Progress = _silent,
) -> Path:
    """Write the page of a study, completely or not at all.

    Args:
        folder: The folder of the study.
        out: The file; by default `report.html` in the study's folder.
        noise: The noise with which the samples open; by default the one with the highest realised rate.
        seed: The seed with which they open; by default the first one.
        where: Settings of the runs to show.
        columns: The measures of the first table; by default the usual ones.
        samples: Whether the page has a sample explorer.
        data_root: Folder of a downloaded data set; by default data.
        labels: Names of methods, noises and data by spec.
        progress: Is told every part of the page before it is made.

    Returns:
        The path of the file.

    Raises:
        ValueError: If there is no such run, or the images cannot be read.

    Example:
        >>> from noisylab.report.page import write_report
        >>> write_report("runs/noise_sweep", labels={"dlb(alpha=3.0)": "DLB, strong"})  # doctest: +SKIP
    """
    file = expanded(folder) / "report.html" if out is None else expanded(out)
    runs = study_runs(folder, noise=noise, where=where, data_root=data_root, labels=labels)
    explored = explore(runs, seed) if samples else None
    # The samples open with the noise; figures of several noises show all of them.
    page = build_page(replace(runs, chosen=False), explored=explored, columns=columns, progress=progress)
    make_output(file.parent)
    write_atomically(file, page)
    return file


def explore(runs: StudyRuns, seed: int | None = None) -> Explored:
    """The runs whose samples a page shows: under `runs.noise` with `seed` (None: the first one) first, then as many as fit,
    one seed of every noisy setting before others.

    Raises ValueError if there is no such run, if the runs differ in more than method, noise and seeds, or if their data set
    cannot be read or has changed.
    """
    rows = runs.under_noise
    seeds = sorted(set(rows["seed"]))
    if seed is not None and seed not in seeds:
        raise ValueError(f"seed must be one of those run under {runs.noise}, {', '.join(map(str, seeds))}, got {seed}")
    opened = runs.noise, seeds[0] if seed is None else seed
    settings: dict[tuple[str, int], dict[str, Path]] = {opened: {}}
    for row in runs.results.to_dict("records"):
        methods = settings.setdefault((str(row["noise"]), int(row["seed"])), {})
        methods.setdefault(str(row["method"]), runs.folder / str(row["id"]))
    first = next(iter(settings[opened].values()))
    data = trained_data_of_run(runs.folder, first, runs.data_root)
    order = _settings_in_order(settings, opened, runs.results)
    kept: dict[tuple[str, int], dict[str, Path]] = {}
    rows_kept = 0
    for setting in order:
        rows_kept += len(settings[setting]) * len(data.train_images)
        if kept and rows_kept > MOST_ROWS:
            break
        kept[setting] = settings[setting]
    return Explored(kept, data, _left_out([setting for setting in order if setting not in kept], runs.names))


def _settings_in_order(
    settings: Iterable[tuple[str, int]], opened: tuple[str, int], results: pandas.DataFrame
) -> list[tuple[str, int]]:
    """The noises and seeds in the order in which they get room.

    The one with which the page opens is followed by one seed of every noisy setting, then by further seeds. Nothing can be
    memorised without noise, so such settings come last.
    """
    clean = results.groupby("noise")["realised_rate"].max() == 0
    turns: dict[str, int] = {}
    turn = {}
    for noise, seed in sorted(settings, key=lambda setting: (setting[1] != opened[1], setting[1])):
        turn[noise, seed] = turns[noise] = turns.get(noise, -1) + 1
    return sorted(settings, key=lambda each: (each != opened, bool(clean[each[0]]), turn[each], each[0] != opened[0]))


def _left_out(settings: Sequence[tuple[str, int]], names: DisplayNames) -> str:
    """Which noises and seeds a page has no room for, and how to see them."""
    if not settings:
        return ""
    seeds: dict[str, list[int]] = {}
    for noise, seed in sorted(settings):
        seeds.setdefault(noise, []).append(seed)
    said = [f"{names.noise(noise)}, seed{'s' if len(held) > 1 else ''} {_in_short(held)}" for noise, held in seeds.items()]
    return (
        f"To keep the page small, these settings are left out: {'; '.join(said)}; "
        "the options --noise and --seed of noisylab report choose the first one"
    )


def _in_short(seeds: Sequence[int]) -> str:
    """Ascending seeds as a text: `1 to 4`, or `0 and 3`."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return listed([*map(str, seeds)])


def build_page(
    runs: StudyRuns,
    *,
    explored: Explored | None = None,
    columns: Sequence[str] | None = None,
    progress: Progress = _silent,
) -> str:
    """One HTML page of a study that needs no network: tables, every figure, and the samples of some runs.

    Args:
        runs: From `study_runs`. Tables keep settings apart in which the runs differ; a figure that cannot is left out, with
            the reason.
        explored: The runs whose samples the page shows, from `explore`; None: no samples.
        columns: The measures of the first table (None: the usual ones).
        progress: Is told every part before it is made.

    Returns:
        The page.

    Example:
        >>> from noisylab.plotting.study_runs import study_runs
        >>> from noisylab.report.page import build_page, explore
        >>> runs = study_runs("runs/noise_sweep")  # doctest: +SKIP
        >>> html = build_page(runs, explored=explore(runs, seed=0))  # doctest: +SKIP
    """
    progress("tables")
    results, names = runs.results, runs.names
    by = list(differing_settings(results))
    primary, pairs = primary_contrasts(results, runs.contrasts, by=by), usual_pairs(results, runs.contrasts)
    comparisons = compare(results, by=by, contrasts=pairs)
    kept = {"summary": summarise(results, by, columns), "contrasts": primary, "comparisons": comparisons, "runs": results}
    drawn, undrawn = _figures(runs, progress)
    about: dict[str, Any] | None = None
    arrays: dict[str, str] = {}
    pictures: list[str] = []
    said = ""
    if explored is not None:
        progress(f"samples of {sum(map(len, explored.settings.values()))} runs")
        pictures, tile = sheets(explored.data.train_images)
        about, arrays = explorer_data(explored, tile, runs.looks, names)
        left = [f"other training samples: {', '.join(about.pop('left'))}"] if about["left"] else []
        said = ". ".join(filter(None, [explored.left_out, *left]))
    environment = Environment(loader=PackageLoader("noisylab.report", "."), autoescape=True, trim_blocks=True, finalize=_shown)
    return environment.get_template("page.html.j2").render(
        title=f"{runs.folder.resolve().name}: {runs.title}",
        accuracy=accuracy_table(results, by=by, names=names),
        measures=results_table(results, by, columns, names),
        contrasts=contrasts_table(primary, by, names, results),
        power=power_lines(primary, by, names=names),
        comparisons=points_table(results, by=by, names=names, differences=comparisons),
        runs=runs_table(results, names),
        csv={name: packed(for_csv(_without_folders(table, names)).encode()) for name, table in kept.items()},
        figures=drawn,
        undrawn=undrawn,
        about=about,
        arrays=arrays,
        sheets=pictures,
        explored=said,
        styles=[_part("page.css"), *([_part("vendor/uPlot.min.css")] if about else [])],
        scripts=[_part(name) for name in (*COMMON, *(EXPLORER if about else ()))],
    )


def _figures(runs: StudyRuns, progress: Progress) -> tuple[list[PageFigure], list[tuple[str, str]]]:
    """Every figure that has something to show, and the reasons of the others."""
    drawn, undrawn = [], []
    captions = {name: entry.facts["caption"] for name, entry in FIGURES.entries().items()}
    order = sorted(captions, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    for number, name in enumerate(order, start=1):
        progress(f"figure {number} of {len(order)}: {name}")
        try:
            figure = draw_figure(name, runs)
            picture = figure.rendered("png", dpi=DPI)
            shown = _without_folders(figure.numbers, runs.names)
            numbers = packed(for_csv(shown).encode()) if len(shown) <= MOST_NUMBERS else ""
            url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
            words = f"{figure.caption.rstrip('.')}. {figure.finding}"
            drawn.append(PageFigure(name, figure.caption, words, url, Image.open(io.BytesIO(picture)).size, numbers))
        except Exception as error:  # a figure that fails costs itself only
            undrawn.append((captions[name], why_not(error)))
    return drawn, undrawn


def _without_folders(table: pandas.DataFrame, names: DisplayNames) -> pandas.DataFrame:
    """A table whose texts name no folder: the page may go to readers who are not to know the author."""

    def named(value: object) -> object:
        return names.data(value) if isinstance(value, str) and "/" in value else value

    return table.assign(**{str(name): column.map(named) for name, column in table.items() if column.dtype.kind == "O"})


def _shown(value: Any) -> Any:
    """A value of the template: what is not marked as safe is text of others."""
    return for_html(value) if type(value) is str else value


def _part(name: str) -> str:
    return Path(__file__).parent.joinpath(name).read_text(encoding="utf-8")
