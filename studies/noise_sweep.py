"""How test accuracy and memorisation depend on the label noise, for CE, repeat and DLB.

The default grid is 54 runs on scikit-learn's digits: about a minute on 4 CPU cores.

Expect DLB above its control `repeat` under noise, most at symmetric 0.6, with fewer mislabelled samples memorised. CE, which
processes half as many images, memorises fewest and ends highest there.

The same command again finishes what is missing and repeats nothing.
"""

import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from noisylab.checks import Count, Natural, check_fields
from noisylab.cli import (
    available_cores,
    check_output,
    describe_specs,
    fail,
    interruptible,
    make_output,
    parse_command_line,
    resolve_device_name,
)
from noisylab.data.base import ImageData, check_root, load_data
from noisylab.registries import AUGMENT, DATA, METHODS, MODELS, NOISE
from noisylab.runs import RunConfig
from noisylab.training.config import TrainConfig


@dataclass(frozen=True)
class Grid:
    """What is compared: every method under every noise with every seed."""

    data: str = "digits"
    """Data set (spec): digits, cifar10, cifar100, npz:PATH, folder:PATH."""
    data_root: Path | None = None
    """Folder where downloaded data sets lie, or are put (None: data)."""
    train_size: Count | None = None
    """Train on a stratified subset of this many samples (None: all)."""
    model: str = "small_cnn"
    """Network (spec)."""
    methods: tuple[str, ...] = ("ce", "repeat", "dlb")
    """Training methods (specs), in the order of the tables; the first is the baseline of the differences."""
    noise: tuple[str, ...] = (
        "symmetric:0",
        "symmetric:0.2",
        "symmetric:0.4",
        "symmetric:0.6",
        "asymmetric:0.2",
        "asymmetric:0.4",
    )
    """Label noise (specs with rates in [0, 1])."""
    seeds: tuple[Natural, ...] = (0, 1, 2)
    """Seeds of initialisation, order and augmentation."""
    noise_seed: Natural | None = None
    """One seed of the noise for all runs (None: each run's own seed, so that intervals cover the noise draw too)."""
    augment: str = "auto"
    """Augmentation (spec); auto is the data set's own."""
    record: Literal["online", "eval"] = "online"
    """Per-sample records of the training steps (free), or of an extra pass over the training set after each epoch."""


@dataclass(frozen=True)
class Execution:
    """Where the runs go, and how many at once."""

    out: Path = Path("runs/noise_sweep")
    """Folder of the runs, tables and figures."""
    jobs: Count | None = None
    """Runs at once, in processes (None: CPU cores over threads, or 1 on an accelerator)."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    grid: Grid = field(default_factory=Grid)
    training: TrainConfig = field(default_factory=TrainConfig)
    execution: Execution = field(default_factory=Execution)


def main() -> int:
    """Run the study; the exit status is 1 where runs failed."""
    arguments = parse_command_line(Arguments, f"{__doc__}\n{describe_specs()}")
    try:
        check_fields(arguments.grid)
        check_fields(arguments.execution)
        check_names(arguments.grid)
        check_root(arguments.grid.data_root)
        check_output(arguments.execution.out)
        training = replace(arguments.training, device=resolve_device_name(arguments.training.device))
        data = load_data(DATA.parse(arguments.grid.data), arguments.grid.data_root, arguments.grid.train_size)
        configs = plan(arguments.grid, training, data)
        make_output(arguments.execution.out)
    except ValueError as error:
        fail(error)
    jobs = arguments.execution.jobs or (max(1, available_cores() // training.threads) if training.device == "cpu" else 1)
    return run(configs, data, arguments.execution.out, jobs)


def check_names(grid: Grid) -> None:
    """Raise ValueError for what is wrong with the specs themselves, before any data is read."""
    for name in ("methods", "noise", "seeds"):
        values = getattr(grid, name)
        if not values:
            raise ValueError(f"--{name} must name at least one")
        if len(set(values)) < len(values):
            raise ValueError(f"--{name} names {next(v for v in values if values.count(v) > 1)!r} twice")
    for registry, texts in (
        (DATA, [grid.data]),
        (MODELS, [grid.model]),
        (METHODS, grid.methods),
        (AUGMENT, [] if grid.augment == "auto" else [grid.augment]),
    ):
        for text in texts:
            registry.parse(text)
    for text in grid.noise:
        # Which mapping a data set has is known only when it is read.
        NOISE.parse(text, {"mapping": "digits"})


def plan(grid: Grid, training: TrainConfig, data: ImageData) -> list[RunConfig]:
    """All runs of the grid, seed by seed, so that an interrupted study holds whole comparisons."""
    digest = data.digest()
    noises = [NOISE.parse(text, data.noise_defaults) for text in grid.noise]
    noise_seeds = grid.seeds if grid.noise_seed is None else (grid.noise_seed,)
    noise_digests = {
        (spec.label, seed): data.noise_digest(NOISE.create(spec, **data.noise_inputs, seed=seed))
        for spec, seed in itertools.product(noises, noise_seeds)
    }
    configs = [
        RunConfig(
            data=str(DATA.parse(grid.data)),
            data_digest=digest,
            train_size=len(data.train_labels),
            model=str(MODELS.parse(grid.model)),
            method=str(METHODS.parse(method)),
            noise=str(noise),
            noise_digest=noise_digests[noise.label, noise_seed],
            noise_seed=noise_seed,
            seed=seed,
            augment=str(AUGMENT.parse(data.augment if grid.augment == "auto" else grid.augment)),
            record=grid.record,
            training=training,
        )
        for seed, noise, method in itertools.product(grid.seeds, noises, grid.methods)
        for noise_seed in [seed if grid.noise_seed is None else grid.noise_seed]
    ]
    return list({config.id: config for config in configs}.values())


def run(configs: list[RunConfig], data: ImageData, out: Path, jobs: int) -> int:
    """Execute the grid, then print its tables and draw its figures from what is on disk."""
    from rich.console import Console

    from noisylab.sweep import execute_grid, report

    console = Console()
    failures = execute_grid(configs, data, out, jobs, console)
    for failure in failures:
        console.print(f"failed: {failure.config.id}: {failure.reason}", markup=False, highlight=False)
    report(configs, out, console)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
