"""Augmentations side by side."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import STACK
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("augmentation")
def augmentation() -> NamedStudy:
    """Which augmentations help which method under label noise: augmentation x {CE, repeat, DLB}, at equal images.

    The default grid is no augmentation, the data set's own crop and flip, and four stronger augmentations, on scikit-learn's
    digits under symmetric noise of 0.4 with 5 seeds: 90 runs. The stronger ones start from the data set's own crop and flip, so
    cutout:4 does not mirror digits. On 32x32 images cutout:16 is usual: --over augment=none,auto,cutout:16
    """
    names = ("none", "auto", "cutout:4", "random_erasing", "mixup", "cutmix")
    grid = Grid(noise=("symmetric:0.4",), over={"augment": names})
    return NamedStudy(grid, stack=STACK["demo"], figures=("axis_comparison(axis='augment')",))
