"""Every method against the first."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.core.registries import METHODS, NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy, show_finished
from noisylab.study.grid import Grid
from noisylab.study.run_config import RunConfig

if TYPE_CHECKING:
    from rich.console import Console

FIRST = ("ce", "repeat", "dlb")
NOISE = ("symmetric:0", "symmetric:0.4", "asymmetric:0.4")


@NAMED_STUDIES.register("method_comparison")
def method_comparison() -> NamedStudy:
    """All training methods side by side, under label noise, on one data set.

    The default grid is every method under symmetric noise of rates 0 and 0.4 and asymmetric noise of 0.4, with 5 seeds, on
    scikit-learn's digits. --budget images makes the images processed alike, the second presentations and the teachers included.
    """
    others = [name for name in METHODS.entries() if name not in FIRST]
    return NamedStudy(Grid(methods=(*FIRST, *others), noise=NOISE, seeds=(0, 1, 2, 3, 4)), show)


def show(configs: Sequence[RunConfig], out: Path, console: "Console") -> None:
    """Tables and the rank plot of what has finished."""
    tables = ("terminal", "markdown", "latex")
    show_finished(configs, out, console, baselines=[configs[0].method], figures=("method_ranks",), tables=tables)
