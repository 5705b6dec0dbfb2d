"""Training without augmentation until the wrong labels are memorised."""

from typing import Any

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import MEMORISING, SEEDS, Scale, at_scale
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("memorisation_regime")
def memorisation_regime(scale: Scale = "demo") -> NamedStudy:
    """Does DLB help where everything is memorised? No augmentation, a wide network, and training past the peak of accuracy.

    All methods have equally many images. Read the memorised share first: below a third under CE, the training was too short to
    answer. A longer horizon: --epochs 80.

    --scale demo: 600 digits, 100 epochs, 5 seeds, 50 runs. cpu: 3,000 images of CIFAR-10, 60 epochs, 3 seeds, one noise: 15
    runs of about 4 minutes. gpu: all of CIFAR-10 with ResNet-18, 3 seeds.
    """
    methods = ("ce", "repeat", "dlb", "dlb(alpha=3)", "elr")
    noise = ("symmetric:0.4",) if scale == "cpu" else ("symmetric:0.4", "asymmetric:0.4")
    grid = Grid(methods=methods, noise=noise, seeds=SEEDS[scale], augment="none")
    demo: dict[str, Any] = {"train_size": 600, "model": "small_cnn(width=32)", "epochs": 100}
    grid = at_scale(grid, scale, **(demo if scale == "demo" else MEMORISING[scale]))
    contrasts = [("dlb", "repeat"), ("dlb", "ce"), ("dlb(alpha=3)", "repeat")]
    return NamedStudy(grid, contrasts, figures=("memorisation", "loss_separation", "differences"))
