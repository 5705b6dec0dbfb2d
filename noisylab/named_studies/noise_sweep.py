"""The default study."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import STACK
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("noise_sweep")
def noise_sweep() -> NamedStudy:
    """How test accuracy and memorisation depend on the label noise, for CE, repeat and DLB at equal images.

    The default grid is 90 runs on scikit-learn's digits, with 5 seeds. The methods get equally many images: CE trains for 40
    epochs, and DLB and repeat, which show every image twice an epoch, for 20.

    Expect DLB between one and two points above both, averaged over the noisy settings, and repeat level with CE, so that the
    gain is not that of repeating. A second, longer horizon: --over epochs=40,80. With as many epochs as CE (--budget epochs),
    DLB processes twice the images, memorises more and is level with CE on average.

    On digits with small_cnn, runs are trained in stacks of 5 (--stack 1: one by one).
    """
    grid = Grid(
        methods=("ce", "repeat", "dlb"),
        noise=("symmetric:0", "symmetric:0.2", "symmetric:0.4", "symmetric:0.6", "asymmetric:0.2", "asymmetric:0.4"),
        seeds=(0, 1, 2, 3, 4),
    )
    return NamedStudy(grid, stack=STACK["demo"], figures=("memorisation", "differences", "noise_robustness"))
