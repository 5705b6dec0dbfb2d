"""DLB over the strength of its distillation."""

from noisylab.core.checks import NonNegative
from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import MEMORISING, SEEDS, STACK, Scale, at_scale
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("dose")
def dose(alphas: tuple[NonNegative, ...] = (0.0, 0.3, 1.0, 3.0, 10.0), scale: Scale = "demo") -> NamedStudy:
    """Does consistency cause robustness? DLB over alpha, beside CE and repeat, at equal images.

    Read the accuracy against the consistency of clean and of mislabelled samples that each alpha brings. If consistency is what
    makes DLB robust, both rise together. With alpha 0 DLB is repeat, so these two rows must be equal.

    --scale demo: digits, 7 methods under symmetric noise of 0.4 and 0.6 and asymmetric noise of 0.4, 5 seeds: 105 runs. cpu:
    3,000 images of CIFAR-10 without augmentation, one noise, 3 seeds: 21 runs of about 4 minutes. gpu: CIFAR-10 with ResNet-18,
    3 seeds. Other strengths: noisylab sweep "dose(alphas=[1, 2, 5])"
    """
    variants = {alpha: f"dlb(alpha={alpha:g})" for alpha in alphas}
    noise = ("symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
    grid = Grid(methods=("ce", "repeat", *variants.values()), noise=noise[:1] if scale == "cpu" else noise, seeds=SEEDS[scale])
    grid = at_scale(grid, scale, **MEMORISING[scale])
    contrasts = [(variant, "repeat") for alpha, variant in variants.items() if alpha]
    return NamedStudy(grid, contrasts, stack=STACK[scale], figures=("accuracy_against_consistency", "memorisation"))
