"""All methods side by side."""

from noisylab.core.registries import METHODS, NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.study.grid import Grid

FIRST = ("ce", "repeat", "dlb")


@NAMED_STUDIES.register("method_comparison")
def method_comparison() -> NamedStudy:
    """All training methods side by side, under label noise, on one data set.

    The default grid is every method under symmetric noise of rates 0 and 0.4 and asymmetric noise of 0.4, with 5 seeds, on
    scikit-learn's digits: 390 runs, about 10 minutes on 4 CPU cores. --budget images gives all methods equally many images,
    including second presentations and teachers.
    """
    others = [name for name in METHODS.entries() if name not in FIRST]
    noise = ("symmetric:0", "symmetric:0.4", "asymmetric:0.4")
    grid = Grid(methods=(*FIRST, *others), noise=noise, seeds=(0, 1, 2, 3, 4))
    return NamedStudy(grid, controls=(), figures=("method_ranks",), tables=("terminal", "markdown", "latex"))
