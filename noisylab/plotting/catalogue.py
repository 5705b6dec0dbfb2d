"""Every figure of a study by name, for the scripts in `figures/`, `make figures` and the report."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pandas
from matplotlib.figure import Figure

from noisylab.plotting.study import ranks_of, robustness_of, story_of

# Of a study's results and its folder: a figure with its numbers, or None where there is nothing to show.
Drawing: TypeAlias = Callable[[pandas.DataFrame, Path], tuple[Figure, pandas.DataFrame] | None]

FIGURES: dict[str, tuple[Drawing, str]] = {
    "noise_robustness": (lambda results, _: robustness_of(results), "Test accuracy against the noise rate"),
    "memorisation": (story_of, "What becomes of mislabelled samples during training"),
    "method_ranks": (lambda results, _: ranks_of(results), "Mean rank of the methods"),
}
