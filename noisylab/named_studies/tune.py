"""Learning rates and options, chosen on noisy validation samples."""

import itertools
from typing import TYPE_CHECKING

from noisylab.core.checks import Positive
from noisylab.core.registries import METHODS, NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy
from noisylab.study.grid import Grid

if TYPE_CHECKING:
    import pandas

# The values of each method's main option.
VARIANTS = (
    "ce",
    "repeat",
    "dlb",
    "dlb(alpha=3)",
    "dlb(alpha=10)",
    "gce(q=0.5)",
    "gce(q=0.7)",
    "elr(weight=1)",
    "elr(weight=3)",
)
FRESH_SEEDS = 5


@NAMED_STUDIES.register("tune")
def tune(learning_rates: tuple[Positive, ...] = (0.02, 0.05, 0.1)) -> NamedStudy:
    """Which learning rate and option suit each method, chosen on noisy validation samples, and how good that is.

    First every variant is trained at every learning rate with 3 seeds and a tenth of the noisy data held out. For each method
    the variant with the best mean accuracy on the held-out labels, over noises and seeds, is chosen; test samples play no part.
    The chosen variants are then run with 5 fresh seeds on all training data, and the tables are of these runs alone.

    It is a plain grid, without a search such as Optuna's: the values are few, all methods have the same seeds, noise and number
    of trials, and every value that was tried is a row of results.csv, so the choice can be checked.

    The default is 27 variants under symmetric and asymmetric noise of 0.4 on scikit-learn's digits: 162 runs, then 50. Other
    variants: noisylab sweep tune --methods ce "ce@learning_rate=0.2" "lsr:0.1" "lsr:0.2"
    """
    pairs = itertools.product(VARIANTS, learning_rates)
    grid = Grid(
        methods=tuple(f"{variant}@learning_rate={rate:g}" for variant, rate in pairs),
        noise=("symmetric:0.4", "asymmetric:0.4"),
        seeds=(0, 1, 2),
        validation=0.1,
    )
    return NamedStudy(grid, figures=("noise_robustness",), follow_up=chosen)


def chosen(grid: Grid, results: "pandas.DataFrame") -> tuple[NamedStudy, str]:
    """The best variant of every method with fresh seeds, and a text with the choice.

    results: the finished runs of `grid`. A variant of which a run failed is not chosen.
    """
    runs = results.groupby("method", sort=False)["validation_accuracy"].agg(["mean", "size"])
    ranked = runs[runs["size"] == runs["size"].max()].sort_values("mean", ascending=False, kind="stable")
    # By method, in the order of the grid, with the best variant of each first.
    variants: dict[str, list[str]] = {METHODS.parse(label).name: [] for label in runs.index}
    for label in ranked.index:
        variants[METHODS.parse(label).name].append(label)
    methods = {name: labels[0] for name, labels in variants.items() if labels}
    lines = [
        f"{label}: {100 * ranked['mean'][label]:.1f} % of the held-out labels, the best of {len(variants[name])}"
        for name, label in methods.items()
    ]
    first = max(grid.seeds) + 1
    fresh = grid.with_settings(
        {},
        methods=tuple(methods.values()),
        seeds=tuple(range(first, first + FRESH_SEEDS)),
        # Recipes are written out in the labels.
        recipe="common",
        validation=0.0,
        select="last",
    )
    contrasts = [(methods["dlb"], methods[other]) for other in ("repeat", "ce") if {"dlb", other} <= methods.keys()]
    shown = NamedStudy(fresh, contrasts, figures=("noise_robustness",))
    return shown, "\n".join(["chosen on noisy validation samples:", *lines])
