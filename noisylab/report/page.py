"""The page itself: tables, figures and the sample explorer, in one file that needs no network."""

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from jinja2 import Environment, PackageLoader

from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData, load_run_data
from noisylab.plotting.catalogue import FIGURES
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import paper_style
from noisylab.report.samples import explorer_data, sheets
from noisylab.report.tables import accuracy_table, difference_table, protocol
from noisylab.study.run_folder import CONFIG, NOISE_FILE


@dataclass(frozen=True)
class Explored:
    """The runs whose samples can be looked at: one per method, of one seed; and the data they were trained on."""

    runs: Mapping[str, Path]
    seed: int
    data: ImageData


def choose(runs: StudyRuns, seed: int | None) -> Explored:
    """The runs to explore: under the study's `noise`, with `seed` (None: the first one).

    Raises ValueError where there is no such run, or its data set cannot be read or is not the one of the runs.
    """
    rows = runs.under_noise
    seeds = sorted(set(rows["seed"]))
    if seed is not None and seed not in seeds:
        raise ValueError(f"seed must be one of those run under {runs.noise}, {', '.join(map(str, seeds))}, got {seed}")
    seed = seeds[0] if seed is None else seed
    rows = rows[rows["seed"] == seed].drop_duplicates("method")
    folders = {str(row["method"]): runs.folder / str(row["id"]) for row in rows.to_dict("records")}
    first = next(iter(folders.values()))
    data = load_run_data(json.loads((first / CONFIG).read_text(encoding="utf-8")), runs.data_root)
    return Explored(folders, seed, data.with_noise(NoisyLabels.load(first / NOISE_FILE)))


def build(runs: StudyRuns, explored: Explored | None) -> str:
    """The HTML of a study's page."""
    results = runs.results
    baseline = str(results["method"].iloc[0])
    accuracy, bold = accuracy_table(results)
    several = results["method"].nunique() > 1
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
            "scores over all epochs. Mislabelled samples have a tinted ground and are named true → given."
        )
    environment = Environment(loader=PackageLoader("noisylab.report", "."), autoescape=True, trim_blocks=True)
    environment.globals["zip"] = zip
    return environment.get_template("page.html.j2").render(
        title=f"{runs.folder.name}: {results['data'].iloc[0]}, {results['model'].iloc[0]}",
        protocol=protocol(results),
        accuracy=accuracy,
        rows=list(zip(accuracy.to_numpy().tolist(), bold.to_numpy().tolist(), strict=True)),
        differences=difference_table(results, baseline) if several else None,
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
    """Name, caption and data URL of every figure there is something to draw of, and why the others are not drawn."""
    drawn, undrawn = [], []
    for name, (figure_of, caption) in FIGURES.items():
        figure = figure_of(runs, 2)
        if figure is None:
            undrawn.append((caption, "these runs have nothing to show in this figure"))
            continue
        buffer = io.BytesIO()
        with paper_style():
            figure[0].savefig(buffer, format="png", dpi=160)
        plt.close(figure[0])
        drawn.append((name, caption, f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"))
    return drawn, undrawn


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script
