"""The default study."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noisylab.core.registries import NAMED_STUDIES
from noisylab.named_studies.named_study import NamedStudy, show_finished
from noisylab.study.grid import Grid
from noisylab.study.run_config import RunConfig

if TYPE_CHECKING:
    from rich.console import Console


@NAMED_STUDIES.register("noise_sweep")
def noise_sweep() -> NamedStudy:
    """How test accuracy and memorisation depend on the label noise, for CE, repeat and DLB.

    The default grid is 54 runs on scikit-learn's digits: about a minute on 4 CPU cores.

    Expect DLB above its control `repeat` under noise, most at symmetric 0.6, with fewer mislabelled samples memorised. CE,
    which processes half as many images, memorises fewest and ends highest there.
    """
    return NamedStudy(Grid(), show)


def show(configs: Sequence[RunConfig], out: Path, console: "Console") -> None:
    """Tables and figures of what has finished."""
    baselines = list(dict.fromkeys([configs[0].method, "repeat"]))
    show_finished(configs, out, console, baselines=baselines, figures=("noise_robustness", "memorisation"))
