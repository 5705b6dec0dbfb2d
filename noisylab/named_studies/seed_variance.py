"""The spread over noise seeds and over training seeds."""

from noisylab.analysis.variance import seed_variance
from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import Scale, at_scale
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("seed_variance")
def seed_variance_study(scale: Scale = "demo") -> NamedStudy:
    """How much of the spread is due to which labels are wrong, how much to training, and how many seeds does a point need?

    Every noise seed is run with every training seed. The table of variance gives the share of each, for the accuracy of every
    method and for the differences between them, and the number of seeds with which a difference of one point is found.

    --scale demo: digits, 3 methods, 2 noises, 6 x 6 seeds, 216 runs. cpu: 5,000 images of CIFAR-10, one noise, 4 x 4 seeds: 48
    runs of about a minute. gpu: CIFAR-10 with ResNet-18, 5 x 5 seeds.
    """
    count = {"demo": 6, "cpu": 4, "gpu": 5}[scale]
    noise = ("symmetric:0.4",) if scale == "cpu" else ("symmetric:0.4", "asymmetric:0.4")
    grid = Grid(noise=noise, seeds=tuple(range(count)), over={"noise_seed": tuple(range(count))})
    grid = at_scale(grid, scale, **({"model": "small_cnn(width=24)", "epochs": 20} if scale == "cpu" else {}))
    # The training seeds of a noise seed fill a stack.
    return NamedStudy(grid, stack=count if scale == "demo" else 1, analyses={"seed_variance": seed_variance})
