"""Five predictions about self-distillation under label noise."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import SEEDS, STACK, Scale, at_scale
from noisylab.study.grid import Grid

METHODS = (
    *("ce", "repeat", "dlb", "lsr", "tf_kd_reg", "cs_kd", "ps_kd", "lwr", "temporal_ensembling"),
    *("mr_kd", "mr_kd(adjust=False)"),
)


@NAMED_STUDIES.register("predictions")
def predictions(scale: Scale = "demo") -> NamedStudy:
    """Five predictions about self-distillation under label noise, each a contrast of two methods at equal images.

    Label smoothing equals Tf-KD reg of the public code. CS-KD falls below CE as the rate grows, because two samples with the
    same given label share a true one less often. PS-KD, LWR and temporal ensembling, with older targets, beat DLB. Most of
    DLB's gain over CE is that of its repeated samples. Mr-KD's adjustment of the teacher to the given label hurts.

    --scale demo: digits, 11 methods, 5 rates, 5 seeds, 275 runs. cpu: 5,000 images of CIFAR-10, 2 rates, 3 seeds: 66 runs of
    about a minute. gpu: CIFAR-10 with ResNet-18, 3 seeds.
    """
    rates = ("symmetric:0", "symmetric:0.2", "symmetric:0.4", "symmetric:0.6", "symmetric:0.8")
    grid = Grid(methods=METHODS, noise=rates[2:4] if scale == "cpu" else rates, seeds=SEEDS[scale])
    grid = at_scale(grid, scale, **({"model": "small_cnn(width=24)", "epochs": 20} if scale == "cpu" else {}))
    contrasts = [
        ("lsr", "tf_kd_reg"),
        ("cs_kd", "ce"),
        ("ps_kd", "dlb"),
        ("lwr", "dlb"),
        ("temporal_ensembling", "dlb"),
        ("dlb", "repeat"),
        ("repeat", "ce"),
        ("mr_kd", "mr_kd(adjust=False)"),
    ]
    return NamedStudy(grid, contrasts, stack=STACK[scale], figures=("differences", "noise_robustness", "memorisation"))
