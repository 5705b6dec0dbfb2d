"""The default study."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("noise_sweep")
def noise_sweep() -> NamedStudy:
    """How test accuracy and memorisation depend on the label noise, for CE, repeat and DLB.

    The default grid is 54 runs on scikit-learn's digits: about a minute on 4 CPU cores.

    Expect DLB above its control `repeat` under noise, most at symmetric 0.6, with fewer mislabelled samples memorised. CE,
    which processes half as many images, memorises fewest and ends highest there.
    """
    grid = Grid(
        methods=("ce", "repeat", "dlb"),
        noise=("symmetric:0", "symmetric:0.2", "symmetric:0.4", "symmetric:0.6", "asymmetric:0.2", "asymmetric:0.4"),
        seeds=(0, 1, 2),
    )
    return NamedStudy(grid, figures=("noise_robustness", "memorisation"))
