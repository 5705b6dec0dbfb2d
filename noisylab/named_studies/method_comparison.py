"""All methods side by side."""

from noisylab.core.registries import METHODS, NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import STACK
from noisylab.study.grid import Grid

FIRST = ("ce", "repeat", "dlb", "dlb(alpha=3)", "dlb(on='gce')")


@NAMED_STUDIES.register("method_comparison")
def method_comparison() -> NamedStudy:
    """All training methods side by side at equal images, under label noise, on one data set.

    The default grid is every method under symmetric noise of rates 0 and 0.4 and asymmetric noise of 0.4, with 5 seeds, on
    scikit-learn's digits. DLB is also there with alpha 3, and on GCE in place of CE.

    Each method has the common recipe, and in a row of its own, shown as method@..., the learning rate and decay that its paper
    gives. --recipe common or --recipe paper runs one of them. --budget compute also counts second networks and teachers.
    """
    others = [name for name in METHODS.entries() if name not in FIRST]
    noise = ("symmetric:0", "symmetric:0.4", "asymmetric:0.4")
    grid = Grid(methods=(*FIRST, *others), noise=noise, seeds=(0, 1, 2, 3, 4), recipe="both")
    return NamedStudy(grid, stack=STACK["demo"], figures=("method_ranks",), formats=("csv", "md", "tex"))
