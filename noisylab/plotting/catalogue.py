"""Every figure of a study by name, for the scripts in `figures/`, `make figures` and the report."""

from collections.abc import Callable
from typing import TypeAlias

import pandas
from matplotlib.figure import Figure

from noisylab.corruption import NoisyLabels
from noisylab.plotting.consistency import consistency_figure
from noisylab.plotting.corruption import corruption_figure
from noisylab.plotting.data_map import data_map_figure
from noisylab.plotting.detection import detection_figure
from noisylab.plotting.dynamics import dynamics_figure
from noisylab.plotting.forgetting import forgetting_figure
from noisylab.plotting.loss_separation import loss_separation_figure
from noisylab.plotting.runs import StudyRuns
from noisylab.plotting.study import ranks_of, robustness_of, story_of
from noisylab.plotting.style import Columns
from noisylab.plotting.suspicious import suspicious_samples_figure
from noisylab.runs import NOISE

Drawn: TypeAlias = tuple[Figure, pandas.DataFrame] | None


def _robustness(runs: StudyRuns, columns: Columns) -> Drawn:
    return robustness_of(runs.results, columns)


def _story(runs: StudyRuns, columns: Columns) -> Drawn:
    return story_of(runs.results, runs.folder, runs.noise, columns)


def _ranks(runs: StudyRuns, columns: Columns) -> Drawn:
    return ranks_of(runs.results, columns)


def _transition(runs: StudyRuns, columns: Columns) -> Drawn:
    noisy = NoisyLabels.load(runs.folder / str(runs.under_noise["id"].iloc[0]) / NOISE)
    return corruption_figure(noisy, title=f"{runs.title}, {runs.noise}", columns=columns) if noisy.flipped.any() else None


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
