"""One memory of soft targets over the age of the targets."""

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.named_studies.scale import MEMORISING, SEEDS, STACK, Scale, at_scale
from noisylab.study.grid import Grid

# Ages of several updates show a sample again as many batches later.
ITERATIONS = tuple(f"soft_target_memory(age={age}, unit='iterations')" for age in (1, 3, 10))
EPOCHS = tuple(
    f"soft_target_memory(age={age}, momentum={momentum:g}, repeat=True)" for momentum in (0.0, 0.6, 0.9) for age in (1, 2, 5)
)
POINTS = ("dlb", "ps_kd", "lwr", "temporal_ensembling", "mean_teacher(form='kl')")


@NAMED_STUDIES.register("teacher_age")
def teacher_age(scale: Scale = "demo") -> NamedStudy:
    """Does an older target help more under label noise? One memory of soft targets, from one update to five epochs old.

    Ages are 1, 3 and 10 updates, and 1, 2 and 5 epochs, the latter with moving averages of momentum 0, 0.6 and 0.9. DLB, PS-KD,
    LWR, temporal ensembling and mean teacher are points on that axis. All have equally many images. Every setting of the memory
    repeats samples; its control is repeat, which shows them again in the next batch.

    --scale demo: digits, 5 seeds, 190 runs. cpu: 8 methods, 3 seeds, 3,000 images of CIFAR-10 without augmentation, where the
    network memorises: 24 runs of about 4 minutes. gpu: all of it with 3 seeds on CIFAR-10 and ResNet-18.
    """
    methods = ("ce", "repeat", *POINTS, *ITERATIONS, *EPOCHS)
    noise = ("symmetric:0.4", "symmetric:0.6")
    if scale == "cpu":
        few = ("ce", "repeat", "dlb", "ps_kd", ITERATIONS[2], *EPOCHS[0:3:2], EPOCHS[3])
        grid = Grid(methods=few, noise=noise[:1], seeds=SEEDS[scale])
        grid = at_scale(grid, scale, **MEMORISING[scale])
    else:
        grid = at_scale(Grid(methods=methods, noise=noise, seeds=SEEDS[scale]), scale)
    contrasts = [("dlb", "repeat"), (EPOCHS[0], "repeat"), ("ps_kd", "dlb")]
    return NamedStudy(grid, contrasts, stack=STACK[scale], figures=("accuracy_against_age", "memorisation"))
