"""The page: tables, figures and the sample explorer, in one file that needs no network."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from noisylab.analysis.comparisons import primary_contrasts
from noisylab.analysis.tables import differing_settings
from noisylab.core.foreign_text import for_html
from noisylab.core.registries import FIGURES
from noisylab.data.image_data import ImageData
from noisylab.plotting.catalogue import draw_figure, why_not
from noisylab.plotting.study_runs import StudyRuns
from noisylab.report.samples import explorer_data, sheets
from noisylab.report.tables import accuracy_table, contrasts_table, points_table, power_lines, results_table
from noisylab.study.inputs import trained_data_of_run

# The first figures; the others follow by name.
FIRST = ("memorisation", "differences", "noise_robustness", "axis_comparison", "option_map", "method_ranks")


@dataclass(frozen=True)
class Explored:
    """The runs whose samples the page shows, one per method with one seed, and their data."""

    runs: Mapping[str, Path]
    seed: int
    data: ImageData


def explore(runs: StudyRuns, seed: int | None = None) -> Explored:
    """The runs whose samples a page shows: under `runs.noise`, with `seed` (None: the first one).

    Raises ValueError if there is no such run, if the runs differ in more than method, noise and seeds, or if their data set
    cannot be read or has changed.
    """
    rows = runs.under_noise
    seeds = sorted(set(rows["seed"]))
    if seed is not None and seed not in seeds:
        raise ValueError(f"seed must be one of those run under {runs.noise}, {', '.join(map(str, seeds))}, got {seed}")
    seed = seeds[0] if seed is None else seed
    rows = rows[rows["seed"] == seed].drop_duplicates("method")
    folders = {str(row["method"]): runs.folder / str(row["id"]) for row in rows.to_dict("records")}
    first = next(iter(folders.values()))
    return Explored(folders, seed, trained_data_of_run(runs.folder, first, runs.data_root))


def build_page(runs: StudyRuns, *, explored: Explored | None = None, columns: Sequence[str] | None = None) -> str:
    """One HTML page of a study that needs no network: tables, every figure, and the samples of some runs.

    Args:
        runs: From `study_runs`. Tables keep settings apart in which the runs differ; a figure that cannot is left out, with
            the reason.
        explored: The runs whose samples the page shows, from `explore`; None: no samples.
        columns: The measures of the first table (None: the usual ones).

    Returns:
        The page.

    Example:
        >>> from noisylab.plotting.study_runs import study_runs
        >>> from noisylab.report.page import build_page, explore
        >>> runs = study_runs("runs/noise_sweep")  # doctest: +SKIP
        >>> html = build_page(runs, explored=explore(runs, seed=0))  # doctest: +SKIP
    """
    results = runs.results
    by = list(differing_settings(results))
    baseline = str(results["method"].iloc[0])
    primary = primary_contrasts(results, by=by)
    drawn, undrawn = _figures(runs)
    about: dict[str, Any] | None = None
    arrays: dict[str, str] = {}
    pictures: list[str] = []
    said = ""
    if explored is not None:
        pictures, tile = sheets(explored.data.train_images)
        about, arrays = explorer_data(explored.runs, explored.data.class_names, tile)
        said = (
            f"The {about['count']:,} training samples under {runs.noise}, seed {explored.seed}; {about['record']} records, "
            "scores over all epochs. Mislabelled samples have a tinted background and are named true → given."
        )
    environment = Environment(loader=PackageLoader("noisylab.report", "."), autoescape=True, trim_blocks=True, finalize=_shown)
    return environment.get_template("page.html.j2").render(
        title=f"{runs.folder.resolve().name}: {runs.title}",
        accuracy=accuracy_table(results, by=by),
        measures=results_table(results, by, columns),
        contrasts=contrasts_table(primary, by),
        power=power_lines(primary, by),
        differences=points_table(results, [baseline], by=by),
        baseline=baseline,
        figures=drawn,
        undrawn=undrawn,
        about=about,
        arrays=arrays,
        sheets=pictures,
        explored=said,
        style=_part("page.css"),
        script=_part("explorer.js"),
        plotly=_plotly() if about else "",
    )


def _figures(runs: StudyRuns) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Name, caption and data URL of every figure that has something to show, and the reasons of the others."""
    drawn, undrawn = [], []
    captions = {name: entry.facts["caption"] for name, entry in FIGURES.entries().items()}
    for name in sorted(captions, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
        try:
            picture = draw_figure(name, runs).rendered("png", dpi=160)
        except Exception as error:  # a figure that fails costs itself only
            undrawn.append((captions[name], why_not(error)))
        else:
            caption = f"{captions[name]} ({runs.coverage})" if runs.coverage else captions[name]
            drawn.append((name, caption, f"data:image/png;base64,{base64.b64encode(picture).decode()}"))
    return drawn, undrawn


def _shown(value: Any) -> Any:
    """A value of the template: what is not marked as safe is text of others."""
    return for_html(value) if type(value) is str else value


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script
