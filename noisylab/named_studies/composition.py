"""DLB on other losses than cross-entropy."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import MEMORISING, SEEDS, STACK, Scale, at_scale
from noisylab.study.grid import Grid

BASES = ("ce", "gce", "sce", "elr", "forward_correction")


@NAMED_STUDIES.register("composition")
def composition(bases: tuple[str, ...] = BASES, scale: Scale = "demo") -> NamedStudy:
    """Does DLB add to losses that are made for label noise? DLB on each base loss, beside repeat on the same loss.

    The contrasts are DLB on a base against repeat on it, which has the same batches and the same loss of the labels. All have
    equally many images.

    --scale demo: digits, 5 bases, 3 noises, 5 seeds, 150 runs. cpu: 3,000 images of CIFAR-10 without augmentation, 3 bases, one
    noise, 3 seeds: 18 runs of about 4 minutes. gpu: CIFAR-10 with ResNet-18, 3 seeds. Other bases: noisylab sweep
    "composition(bases=['ce', 'gjs'])"
    """
    chosen = bases[:3] if scale == "cpu" else bases
    pairs = [(f"dlb(on='{base}')", f"repeat(on='{base}')") for base in chosen]
    noise = ("symmetric:0.4", "symmetric:0.6", "asymmetric:0.4")
    grid = Grid(
        methods=tuple(method for method, control in pairs for method in (control, method)),
        noise=noise[:1] if scale == "cpu" else noise,
        seeds=SEEDS[scale],
    )
    grid = at_scale(grid, scale, **MEMORISING[scale])
    return NamedStudy(grid, pairs, stack=STACK[scale], figures=("differences", "memorisation"))
