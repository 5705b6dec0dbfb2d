"""Every figure of a study by name, for the scripts in `figures/`, `make figures` and the report."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pandas
from matplotlib.figure import Figure

from noisylab.analysis.tables import check_comparable, mean_ranks, summarise, training_length
from noisylab.corruption import NoisyLabels
from noisylab.plotting.consistency import consistency_figure
from noisylab.plotting.corruption import corruption_figure
from noisylab.plotting.data_map import data_map_figure
from noisylab.plotting.detection import detection_figure
from noisylab.plotting.forgetting import forgetting_figure
from noisylab.plotting.loss_separation import loss_separation_figure
from noisylab.plotting.memorisation import story_figure
from noisylab.plotting.method_ranks import rank_figure
from noisylab.plotting.noise_robustness import robustness_figure
from noisylab.plotting.study_runs import StudyRuns, in_order
from noisylab.plotting.style import Columns, limited
from noisylab.plotting.suspicious_samples import suspicious_samples_figure
from noisylab.plotting.training_dynamics import dynamics_figure
from noisylab.study.run_folder import NOISE_FILE, read_metrics

Drawn: TypeAlias = tuple[Figure, pandas.DataFrame] | None


def _robustness(runs: StudyRuns, columns: Columns) -> Drawn:
    return robustness_of(runs.results, columns)


def _story(runs: StudyRuns, columns: Columns) -> Drawn:
    return story_of(runs.results, runs.folder, runs.noise, columns)


def _ranks(runs: StudyRuns, columns: Columns) -> Drawn:
    return ranks_of(runs.results, columns)


def _transition(runs: StudyRuns, columns: Columns) -> Drawn:
    noisy = NoisyLabels.load(runs.folder / str(runs.under_noise["id"].iloc[0]) / NOISE_FILE)
    return corruption_figure(noisy, title=f"{runs.title}, {runs.noise}", columns=columns) if noisy.mislabelled.any() else None


# A figure with its numbers, or None where the runs have nothing to show in it; and what it shows.
FIGURES: dict[str, tuple[Callable[[StudyRuns, Columns], Drawn], str]] = {
    "noise_robustness": (_robustness, "Test accuracy against the noise rate"),
    "method_ranks": (_ranks, "Mean rank of the methods under each noise"),
    "memorisation": (_story, "Test accuracy, and what becomes of mislabelled samples, over epochs"),
    "training_dynamics": (dynamics_figure, "Loss, confidence and margin of clean and of mislabelled samples over epochs"),
    "consistency": (consistency_figure, "How consistently clean and mislabelled samples are predicted"),
    "data_map": (data_map_figure, "Confidence against variability of every sample"),
    "detection": (detection_figure, "How well each score finds the mislabelled samples"),
    "loss_separation": (loss_separation_figure, "Losses of clean and of mislabelled samples, epoch by epoch"),
    "forgetting": (forgetting_figure, "How often samples are forgotten and when they are learnt"),
    "transition_matrix": (_transition, "The transition matrix asked for and the realised one"),
    "suspicious_samples": (suspicious_samples_figure, "The most suspect samples, with their curves"),
}


def robustness_of(results: pandas.DataFrame, columns: Columns = 2) -> tuple[Figure, pandas.DataFrame]:
    """The robustness figure of runs that differ in method, noise and seed alone, and its numbers."""
    shown, part = limited(in_order(results))
    return robustness_figure(summarise(shown), _title(results) + part, columns)


def story_of(
    results: pandas.DataFrame, out: Path, noise: str | None = None, columns: Columns = 2
) -> tuple[Figure, pandas.DataFrame] | None:
    """The story figure of `noise`, and its numbers; None where no sample is mislabelled, or
    nothing is recorded of them (mixed images).

    noise: as the tables name it; None: the one with the highest realised rate.
    """
    check_comparable(results)
    results = in_order(results)
    noise = str(results.sort_values("realised_rate", kind="stable").iloc[-1]["noise"]) if noise is None else noise
    rows = results[results["noise"] == noise]
    if not rows["realised_rate"].any():
        return None
    shown, part = limited(rows)
    metrics = pandas.concat(
        [read_metrics(out / row["id"]).assign(run=row["id"], method=row["method"]) for row in shown.to_dict("records")],
        ignore_index=True,
    )
    if metrics["mislabelled_memorised"].isna().all():
        return None
    first, seeds = rows.iloc[0], rows.groupby("method")["seed"].count().max()
    band = f"mean over {seeds} seeds, band: 95 % interval" if seeds > 1 else "one seed"
    return story_figure(metrics, f"{_title(rows)}, {first['noise']}{part}\n{first['record']} records; {band}", columns, shown)


def ranks_of(results: pandas.DataFrame, columns: Columns = 2) -> tuple[Figure, pandas.DataFrame] | None:
    """The rank plot of runs that differ in method, noise and seed alone, and its numbers; None without a whole comparison."""
    ranks = mean_ranks(in_order(results))
    return None if ranks.empty else rank_figure(ranks, _title(results), columns)


def _title(results: pandas.DataFrame) -> str:
    first = results.iloc[0]
    return f"{first['data']}, {first['model']}, {training_length(first)}"
