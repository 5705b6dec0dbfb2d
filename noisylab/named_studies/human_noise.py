"""Human label noise against its controls."""

from noisylab.analysis.agreement import rank_agreement
from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import STACK, Scale, at_scale
from noisylab.study.grid import Grid

METHODS = ("ce", "repeat", "dlb", "lsr", "ps_kd", "elr", "gce", "forward_correction")
HUMAN = {"human:cifar10n_worse": 0.4021, "human:cifar10n_random1": 0.1723, "human:cifar10n_aggre": 0.0901}


@NAMED_STUDIES.register("human_noise")
def human_noise(scale: Scale = "demo") -> NamedStudy:
    """Do methods rank alike under human label noise and under the synthetic noise that stands for it?

    Each human noise has three controls: flips drawn from its own transition matrix, so that only their dependence on the image
    is gone; symmetric noise of its rate; and pair flips of its rate. The table of agreement gives Kendall's tau of the methods'
    order, with a bootstrap interval over seeds.

    --scale demo: digits, which have no human labels, so instance-dependent noise takes their place; 8 methods, 5 seeds, 160
    runs. cpu: CIFAR-10N worse on 5,000 images, 8 methods, 3 seeds: 96 runs of about a minute. gpu: CIFAR-10N worse, random1 and
    aggre with ResNet-18. CIFAR-10N's labels are not part of noisylab: docs/corruption.md.
    """
    sources = {"instance:0.4": 0.4} if scale == "demo" else dict(list(HUMAN.items())[: 1 if scale == "cpu" else None])
    controls = {
        noise: (f"empirical(noise='{noise}')", f"symmetric:{rate:g}", f"pair_flip:{rate:g}") for noise, rate in sources.items()
    }
    noise = tuple(each for source, others in controls.items() for each in (source, *others))
    grid = Grid(methods=METHODS, noise=noise, seeds=(0, 1, 2, 3, 4) if scale == "demo" else (0, 1, 2))
    grid = at_scale(grid, scale, **({"model": "small_cnn(width=24)", "epochs": 20} if scale == "cpu" else {}))
    return NamedStudy(
        grid, stack=STACK[scale], figures=("noise_robustness", "memorisation"), analyses={"rank_agreement": rank_agreement}
    )
