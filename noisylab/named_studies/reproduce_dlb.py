"""The tables of the DLB paper, with the protocol of its public code."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import Scale, at_scale
from noisylab.study.grid import Grid

BACKBONES = ("resnet18", "resnet110", "vgg16", "vgg19", "densenet40_12", "wrn20_8")


@NAMED_STUDIES.register("reproduce_dlb")
def reproduce_dlb(backbones: tuple[str, ...] = BACKBONES, scale: Scale = "demo") -> NamedStudy:
    """DLB against CE on clean data as its public code trains them: equal updates, twice the images, 240 epochs, batch 64 + 64.

    repeat, which no published table has, has DLB's images without its distillation. dlb(two_forward=True) shows both halves of
    a batch in two passes, as the public code does. The public code reports the best epoch on the test data; here that is the
    column peak, and the last epoch is the result.

    --scale demo: digits, ResNet-20, 12 epochs, 2 seeds, 8 runs. cpu: 5,000 images of CIFAR-10, ResNet-20, 20 epochs, 2 seeds: 8
    runs of about 10 minutes. gpu: CIFAR-10, the six backbones, 240 epochs, 3 seeds, 72 runs. CIFAR-100 and TinyImageNet:
    --data cifar100, --data "tiny_imagenet(size=32)"
    """
    grid = Grid(methods=("ce", "repeat", "dlb", "dlb(two_forward=True)"), noise=("symmetric:0",), budget="updates")
    if scale == "gpu":
        grid = at_scale(grid, scale, seeds=(0, 1, 2), over={"model": backbones})
    else:
        grid = at_scale(grid, scale, seeds=(0, 1), model="resnet20", epochs=12 if scale == "demo" else 20)
    return NamedStudy(grid, figures=("axis_comparison(axis='model')",) if scale == "gpu" else ("noise_robustness",))
