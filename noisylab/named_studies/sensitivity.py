"""DLB over its options and the batch size."""

import itertools

from noisylab.core.checks import NonNegative, Positive
from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.study.grid import Grid


@NAMED_STUDIES.register("sensitivity")
def sensitivity(
    temperatures: tuple[Positive, ...] = (1.0, 2.0, 3.0, 4.0, 6.0), alphas: tuple[NonNegative, ...] = (0.3, 1.0, 3.0, 10.0)
) -> NamedStudy:
    """How DLB depends on temperature, alpha and batch size, beside CE and repeat with equally many images.

    The default grid is 5 temperatures x 4 alphas at batch sizes 32, 64 and 128, under symmetric noise of 0.4, with 3 seeds, on
    scikit-learn's digits: 198 runs. Other values: noisylab sweep "sensitivity(temperatures=[1, 3])" --over batch_size=64,256
    """
    variants = [f"dlb(temperature={t:g}, alpha={a:g})" for t, a in itertools.product(temperatures, alphas)]
    grid = Grid(
        methods=("ce", "repeat", *variants),
        noise=("symmetric:0.4",),
        seeds=(0, 1, 2),
        over={"batch_size": (32, 64, 128)},
    )
    return NamedStudy(grid, figures=("option_map",))
