"""From a grid to its runs. Everything is checked, and built once, before any training starts."""

import hashlib
import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, ENGINES, METHODS, MODELS, NOISES
from noisylab.core.specs import Spec
from noisylab.core.system import resolve_device_name
from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData, check_root, load_data
from noisylab.study.code import code_of
from noisylab.study.grid import Grid
from noisylab.study.recipes import with_recipes
from noisylab.study.run_config import LABELS_IN_FILES, RunConfig
from noisylab.study.run_folder import read_result
from noisylab.study.validation_split import training_part
from noisylab.training.config import TrainConfig, check_compiler

# Weights of a network that takes no time on any CPU.
SMALL = 5_000_000


@dataclass(frozen=True)
class Plan:
    """The runs of a grid, the data sets that they train on, by digest, and the methods whose runs cannot be stacked."""

    grid: Grid
    configs: tuple[RunConfig, ...]
    data: Mapping[str, ImageData]
    alone: frozenset[str] = frozenset()


def plan(
    grid: Grid,
    loaded: ImageData | None = None,
    *,
    study: Path | None = None,
    engine: str = "local",
    on_missing: Callable[[TrainConfig], object] = lambda _: None,
) -> Plan:
    """All runs of the grid, seed by seed, so that an interrupted study holds whole comparisons.

    loaded: the data set with all its test samples, if it has already been read. study: the folder of the runs; those that are
    finished there are not built once more, and if all are, torch is not imported. engine: what will train the runs, since its
    machines may have other devices than this one. on_missing: called before the others are built, which takes seconds. Raises
    ValueError if data cannot be read, or if a method, network, noise, augmentation or split does not fit it.
    """
    check_root(grid.data_root)
    remote = is_remote(engine)
    if remote and any(setting.training.device == "auto" for setting in grid.settings()):
        raise ValueError(f"engine {engine!r} trains on other machines than this one: device must be cpu or cuda, got 'auto'")
    for said in grid.without_effect():
        warnings.warn(said, stacklevel=3)
    parts: list[list[RunConfig]] = []
    alone: set[str] = set()
    read: dict[tuple[str, int | None, int | None], _Data] = {}
    for setting in grid.settings():
        key = setting.data, setting.train_size, setting.test_size
        if key not in read:
            whole = loaded or load_data(setting.data, setting.data_root, setting.train_size)
            read[key] = _Data(whole if setting.test_size is None else whole.test_subset(setting.test_size))
        parts.append(_plan_setting(setting, read[key], alone, study, on_missing, remote=remote))
    chosen = [config for seed in grid.seeds for part in parts for config in part if config.seed == seed]
    data = {held.digest: held.data for held in read.values()}
    if alone:
        names = ", ".join(sorted(METHODS.parse(method).label for method in alone))
        warnings.warn(f"stack has no effect on {names}: the loss needs more than the logits of a batch", stacklevel=2)
    return Plan(grid, tuple({config.id: config for config in chosen}.values()), data, frozenset(alone))


class _Data:
    """A data set with its digest, and what is known of the noises drawn on it, each drawn once."""

    def __init__(self, data: ImageData) -> None:
        self.data, self.digest = data, data.digest()
        self._drawn: dict[tuple[str, int, float], _Drawn] = {}

    def noise(self, spec: Spec, seed: int, validation: float) -> "_Drawn":
        """A noise of these data.

        Raises ValueError if the rest of the samples, apart from the share `validation`, lacks a given class.
        """
        key = str(spec), seed, validation
        if key not in self._drawn:
            noisy = NOISES.create(spec, **self.data.noise_inputs, seed=seed)
            if not isinstance(noisy, NoisyLabels):
                raise ValueError(f"noise {spec.label!r} must return NoisyLabels, got {type(noisy).__name__}")
            if validation:
                _check_split(noisy, spec, seed, validation)
            digest = self.data.noise_digest(noisy)
            if noisy.transition is not None and NOISES.has_path(spec, but=(*LABELS_IN_FILES, "open_set")):
                # Nothing else in the identity says which matrix the file held.
                digest = hashlib.sha256(digest.encode() + noisy.transition.tobytes()).hexdigest()
            given = (training_part(noisy, validation, seed) if validation else noisy).given
            self._drawn[key] = _Drawn(digest, noisy.transition, given)
        return self._drawn[key]


class _Drawn(NamedTuple):
    """A noise: its digest, its transition matrix, and the given labels that are trained on."""

    digest: str
    transition: NDArray[np.float64] | None
    given: NDArray[np.int64]


def _check_split(noisy: NoisyLabels, spec: Spec, seed: int, share: float) -> None:
    """Raise ValueError if all samples that are given as some class are held out."""
    left = training_part(noisy, share, seed).given
    lost = np.setdiff1d(noisy.given, left)
    if len(lost):
        held_out = int((noisy.given == lost[0]).sum())
        raise ValueError(
            f"validation={share:g} under {spec.label!r} with noise seed {seed} leaves no training sample of class {lost[0]}: "
            f"all {held_out} that are given as it are held out; take a smaller share, or more training samples"
        )


def is_remote(engine: str) -> bool:
    """Whether an engine's processes are on other machines."""
    return bool(ENGINES.entries()[ENGINES.parse(engine).name].facts.get("remote", False))


def _plan_setting(
    grid: Grid, held: _Data, alone: set[str], study: Path | None, on_missing: Callable[[TrainConfig], object], *, remote: bool
) -> list[RunConfig]:
    """The runs of a grid without further axes. `alone` gets the methods that cannot be stacked as the grid asks for."""
    data, training = held.data, grid.training
    if not remote:
        training = replace(training, device=resolve_device_name(training.device))
        check_compiler(training)
    # Figures may be drawn in another folder: runs keep absolute paths.
    noises = [NOISES.located(text, grid.data_root, data.noise_defaults) for text in grid.noise]
    augment = AUGMENTATIONS.parse(data.augment if grid.augment == "auto" else grid.augment, data.augment_defaults)
    model = MODELS.located(grid.model)
    methods = tuple(str(METHODS.located(text)) for text in with_recipes(grid.methods, grid.recipe, grid.data, training))
    code = {
        (method, str(noise)): code_of(data=grid.data, model=grid.model, method=method, noise=str(noise), augment=str(augment))
        for method, noise in itertools.product(methods, noises)
    }
    configs = [
        RunConfig(
            data=str(DATA_SETS.located(grid.data, grid.data_root)),
            data_digest=held.digest,
            train_size=len(data.train_labels),
            test_size=len(data.test_labels),
            model=str(model),
            method=method,
            noise=str(noise),
            noise_digest=held.noise(noise, noise_seed, grid.validation).digest,
            noise_seed=noise_seed,
            seed=seed,
            augment=str(augment),
            record=grid.record,
            budget=grid.budget,
            training=training,
            validation=grid.validation,
            select=grid.select,
            evaluate_every=grid.evaluate_every,
            code=code[method, str(noise)],
        )
        for seed, noise, method in itertools.product(grid.seeds, noises, methods)
        for noise_seed in [seed if grid.noise_seed is None else grid.noise_seed]
    ]
    missing = [config for config in configs if study is None or read_result(study / config.id) is None]
    if not missing:
        return configs
    on_missing(training)
    _check_model(model, data)
    _check_augmentation(augment, data)
    drawn = {str(noise): held.noise(noise, configs[0].noise_seed, grid.validation) for noise in noises}
    alone |= _check_methods(missing, data, drawn)
    for config in {(config.training_run.stack, config.training_run.batch_size): config for config in missing}.values():
        if config.training_run.stack > 1:
            _check_stack(model, data, config, "cpu" if remote else training.device)
    return configs


def _check_model(model: Spec, data: ImageData) -> None:
    """Build the network and show it an image. Raises ValueError if it cannot take the data's images."""
    import torch

    def network_on(device: str) -> torch.nn.Module:
        with torch.device(device), torch.random.fork_rng(devices=[]):
            network: torch.nn.Module = MODELS.create(model, data.num_classes, data.shape[0])
        return network

    # The meta device costs nothing for any size, but its first use takes seconds, and some networks fail on it.
    size = sum(weights.numel() for weights in network_on("meta").parameters())
    for device in ("cpu",) if size <= SMALL else ("meta", "cpu"):
        with torch.no_grad():
            network = network_on(device).eval()
            try:
                network(torch.zeros(1, *data.shape, device=device))
            except Exception as error:  # other libraries raise anything
                refusal = error
            else:
                return
    shape = "x".join(map(str, data.shape))
    raise ValueError(f"model {model.label!r} cannot take images of {shape} (channels, height, width): {refusal}") from refusal


def _check_augmentation(spec: Spec, data: ImageData) -> None:
    """Apply the augmentation to an image. Raises ValueError if it does not fit the images."""
    import torch

    try:
        augmentation = AUGMENTATIONS.create(spec)
        image = torch.from_numpy(np.array(data.train_images[:1]))
        augmentation(image, augmentation.draw(1, torch.Generator().manual_seed(0)))
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"augmentation {spec.label!r} does not fit images of {data.shape}: {error}") from None


def _check_stack(model: Spec, data: ImageData, config: RunConfig, device: str) -> None:
    """Stack networks as a run will. Raises ValueError if that changes more than the last bits of what they compute."""
    import torch

    from noisylab.models.base import create_model
    from noisylab.models.stacked import check_places, check_stackable
    from noisylab.training.device import repeatable

    training = config.training_run
    make = partial(create_model, model, data.num_classes, data.shape[0])
    try:
        check_stackable(make, data.shape)
        with repeatable(torch.device(device), training.threads):
            for batch_size in {training.batch_size, max(2, len(data.train_labels) % training.batch_size)}:
                check_places(make, data.shape, training.stack, batch_size, torch.device(device))
    except ValueError as error:
        raise ValueError(f"stack {training.stack} with model {model.label!r}: {error}") from None


def _check_methods(configs: list[RunConfig], data: ImageData, drawn: Mapping[str, _Drawn]) -> set[str]:
    """Build every method once for each noise, and return those that cannot be stacked, if they are asked to be.

    Raises ValueError if one cannot be built, or if batches do not fit the data.
    """
    import torch

    from noisylab.data.batches.composition import check_batches
    from noisylab.methods.base import check_mixing
    from noisylab.study.build import build_method

    augmentation = AUGMENTATIONS.create(AUGMENTATIONS.parse(configs[0].augment))
    for config in {config.method: config for config in configs}.values():
        # Raises ValueError if the budget or the overrides do not fit.
        _ = config.training_run
    alone = set()
    for config in {(config.method, config.noise): config for config in configs}.values():
        rows, training = drawn[config.noise].transition, config.training_run
        transition = None if rows is None else torch.tensor(rows)
        with torch.device("meta"):
            try:
                method = build_method(config, data, num_samples=len(data.train_labels), noise_rate=0.0, transition=transition)
                check_mixing(method, augmentation)
                check_batches(method.composition, drawn[config.noise].given, training.batch_size, training.processes)
            except ValueError as error:
                noise = NOISES.parse(config.noise, data.noise_defaults).label
                raise ValueError(f"method {METHODS.parse(config.method).label!r} under {noise!r}: {error}") from None
        if training.stack > 1 and not method.stackable:
            alone.add(config.method)
    return alone
