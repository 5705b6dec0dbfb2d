"""Augmentations side by side."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("augmentation")
def augmentation() -> NamedStudy:
    """Which augmentations help which method under label noise: augmentation x {CE, repeat, DLB}.

    By default none, the data set's own crop and flip, and four stronger ones, on scikit-learn's digits under symmetric noise of
    0.4 with 3 seeds: 54 runs. mixup and CutMix mix images and labels; a half that DLB repeats is mixed as it was when it was
    new. Names leave crop and flip to the data set: cutout:4 on digits does not mirror them. On 32x32 images cutout:16 is usual:
    --over augment=none,auto,cutout:16
    """
    names = ("none", "auto", "cutout:4", "random_erasing", "mixup", "cutmix")
    grid = Grid(noise=("symmetric:0.4",), over={"augment": names})
    return NamedStudy(grid, figures=("axis_comparison(axis='augment')",))
