"""The grid of runs that a study consists of: its command-line arguments, their checks, and the run configurations."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import NonNegativeInt, PositiveInt
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.core.specs import Spec
from noisylab.data.image_data import ImageData
from noisylab.study.run_folder import RunConfig
from noisylab.training.config import TrainConfig, check_compiler

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Grid:
    """What is compared: every method under every noise with every seed."""

    data: str = "digits"
    """Data set (spec): digits, cifar10, cifar100, tiny_imagenet, mnist, fashion_mnist, svhn, npz:PATH, folder:PATH, hf:NAME."""
    data_root: Path | None = None
    """Folder where downloaded data sets lie, or are put (None: data)."""
    train_size: PositiveInt | None = None
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
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    """Seeds of initialisation, order and augmentation."""
    noise_seed: NonNegativeInt | None = None
    """One seed of the noise for all runs (None: each run's own seed, so that intervals cover the noise draw too)."""
    augment: str = "auto"
    """Augmentation (spec); auto is the data set's own."""
    budget: Literal["epochs", "images"] = "epochs"
    """What methods have alike: passes over the training set, or images processed. Images count second presentations and the
    training of teachers, so that methods with these get so many fewer epochs."""
    record: Literal["online", "eval"] = "online"
    """Per-sample records of the training steps (free), or of an extra pass over the training set after each epoch."""


@dataclass(frozen=True)
class Execution:
    """Where the runs go, and how many at once."""

    out: Path = Path("runs/study")
    """Folder of the runs, tables and figures."""
    jobs: PositiveInt | None = None
    """Runs at once, in processes (None: CPU cores over threads, or 1 on an accelerator)."""


def check_names(grid: Grid) -> None:
    """Raise ValueError for what is wrong with the specs themselves, before any data is read."""
    for name in ("methods", "noise", "seeds"):
        values = getattr(grid, name)
        if not values:
            raise ValueError(f"--{name} must name at least one")
        if len(set(values)) < len(values):
            raise ValueError(f"--{name} names {next(v for v in values if values.count(v) > 1)!r} twice")
    for registry, texts in (
        (DATA_SETS, [grid.data]),
        (MODELS, [grid.model]),
        (METHODS, grid.methods),
        (AUGMENTATIONS, [] if grid.augment == "auto" else [grid.augment]),
    ):
        specs = [str(registry.parse(text)) for text in texts]
        for place, spec in enumerate(specs):
            if spec in specs[:place]:
                raise ValueError(
                    f"--{registry.kind}s names {texts[specs.index(spec)]!r} and {texts[place]!r}, which are the same"
                )
    for text in grid.noise:
        # Which mapping a data set has is known only when it is read.
        NOISES.parse(text, {"mapping": "digits"})


def plan(grid: Grid, training: TrainConfig, data: ImageData) -> list[RunConfig]:
    """All runs of the grid, seed by seed, so that an interrupted study holds whole comparisons."""
    check_compiler(training)
    digest = data.digest()
    noises = [NOISES.parse(text, data.noise_defaults) for text in grid.noise]
    noise_seeds = grid.seeds if grid.noise_seed is None else (grid.noise_seed,)
    noise_digests, transitions = {}, {}
    for spec, noise_seed in itertools.product(noises, noise_seeds):
        noisy = NOISES.create(spec, **data.noise_inputs, seed=noise_seed)
        noise_digests[spec.label, noise_seed] = data.noise_digest(noisy)
        transitions[str(spec)] = noisy.transition
    configs = [
        RunConfig(
            data=str(DATA_SETS.parse(grid.data)),
            data_digest=digest,
            train_size=len(data.train_labels),
            model=str(MODELS.parse(grid.model)),
            method=str(METHODS.parse(method)),
            noise=str(noise),
            noise_digest=noise_digests[noise.label, noise_seed],
            noise_seed=noise_seed,
            seed=seed,
            augment=str(AUGMENTATIONS.parse(data.augment if grid.augment == "auto" else grid.augment, data.augment_defaults)),
            record=grid.record,
            training=replace(training, epochs=_epochs(METHODS.parse(method), grid.budget, training.epochs)),
            budget=grid.budget,
            budget_epochs=training.epochs,
        )
        for seed, noise, method in itertools.product(grid.seeds, noises, grid.methods)
        for noise_seed in [seed if grid.noise_seed is None else grid.noise_seed]
    ]
    configs = list({config.id: config for config in configs}.values())
    _check_model(MODELS.parse(grid.model), data)
    _check_augmentation(AUGMENTATIONS.parse(configs[0].augment), data)
    _check_methods(configs, data, transitions)
    return configs


def _epochs(method: Spec, budget: Literal["epochs", "images"], epochs: int) -> int:
    """The epochs of a method for which CE has `epochs`."""
    if budget == "epochs":
        return epochs
    chosen = METHODS.load(method.name)
    exposure: int = chosen.images_factor(**method.options) * chosen.num_trainings(**method.options)
    if epochs % exposure:
        raise ValueError(
            f"--budget images: {method.label} processes {exposure} times as many images an epoch as ce, its teachers "
            f"included, so --epochs must be a multiple of {exposure}, got {epochs}"
        )
    return epochs // exposure


def _check_model(model: Spec, data: ImageData) -> None:
    """Build the network and show it an image once, so that one that cannot take the data's images is refused at once."""
    import torch

    # Networks of other libraries may do what the meta device, which costs nothing, cannot do.
    for device in ("meta", "cpu"):
        with torch.device(device), torch.no_grad(), torch.random.fork_rng(devices=[]):
            network = MODELS.create(model, data.num_classes, data.shape[0])
            try:
                network.eval()(torch.zeros(1, *data.shape))
            except Exception as error:  # and raise what they like
                refusal = error
            else:
                return
    shape = "x".join(map(str, data.shape))
    raise ValueError(f"model {model.label!r} cannot take images of {shape} (channels, height, width): {refusal}") from refusal


def _check_augmentation(spec: Spec, data: ImageData) -> None:
    """Make the augmentation and show it an image, so that one that does not suit the images is refused before any training."""
    import torch

    try:
        augmentation = AUGMENTATIONS.create(spec)
        image = torch.from_numpy(np.array(data.train_images[:1]))
        augmentation(image, augmentation.draw(1, torch.Generator().manual_seed(0)))
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"augmentation {spec.label!r} does not suit images of {data.shape}: {error}") from None


def _check_methods(
    configs: Sequence[RunConfig], data: ImageData, transitions: Mapping[str, NDArray[np.float64] | None]
) -> None:
    """Build every method once for each noise, so that one that cannot be built is refused before any training."""
    import torch

    from noisylab.methods.base import check_mixing
    from noisylab.study.run import build_method

    augmentation = AUGMENTATIONS.create(AUGMENTATIONS.parse(configs[0].augment))
    for config in {(config.method, config.noise): config for config in configs}.values():
        rows = transitions[config.noise]
        transition = None if rows is None else torch.tensor(rows)
        with torch.device("meta"):
            try:
                method = build_method(config, data, num_samples=len(data.train_labels), noise_rate=0.0, transition=transition)
                check_mixing(method, augmentation)
            except ValueError as error:
                noise = NOISES.parse(config.noise, data.noise_defaults).label
                raise ValueError(f"method {METHODS.parse(config.method).label!r} under {noise!r}: {error}") from None
