"""`Grid`: every method under every noise with every seed, for every value of any further axis."""

import dataclasses
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from noisylab.core.checks import NonNegativeInt, PositiveInt, check_fields
from noisylab.core.files import expanded
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.core.suggestions import did_you_mean
from noisylab.study.recipes import Recipes
from noisylab.study.run_config import Budget, Record, Select, Share
from noisylab.training.config import TrainConfig

# Other names that people try.
ALIASES = {"lr": "learning_rate", "bs": "batch_size", "wd": "weight_decay", "dataset": "data", "augmentation": "augment"}

_SPECS = {"data": DATA_SETS, "model": MODELS, "methods": METHODS, "augment": AUGMENTATIONS}


@dataclass(frozen=True)
class Grid:
    """What to run: every method under every noise with every seed. Raises ValueError for values that cannot be run."""

    data: str = "digits"
    """Data set (spec): digits, cifar10, cifar100, tiny_imagenet, mnist, fashion_mnist, svhn, npz:PATH, folder:PATH, hf:NAME."""
    data_root: Path | None = None
    """Folder of downloaded data sets (None: data)."""
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
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2, 3, 4)
    """Seeds of initialisation, order and augmentation."""
    noise_seed: NonNegativeInt | None = None
    """One seed of the noise for all runs (None: each run's own seed, so that intervals also cover the noise draw)."""
    augment: str = "auto"
    """Augmentation (spec); auto is the data set's own."""
    budget: Budget = "images"
    """What methods have alike: images of the measured network, updates, epochs, or images of all networks (compute)."""
    record: Record = "online"
    """Per-sample records of the training steps (free), or of an extra pass over the training set after each epoch."""
    recipe: Recipes = "common"
    """Training settings: common to all methods, each one's published ones (shown as method@...), or both in turn."""
    validation: Share = 0.0
    """Share of the noisy training data that is held out, stratified by given label, to choose epochs and settings (0: none)."""
    select: Select = "last"
    """The epoch whose network counts besides the last: none, or the best on the validation data."""
    test_size: PositiveInt | None = None
    """Test on a stratified subset of this many samples (None: all)."""
    evaluate_every: PositiveInt = 1
    """Test after every so many epochs; after each of the last ten in any case (epochs)."""
    training: TrainConfig = field(default_factory=TrainConfig)
    """How every network is trained."""
    over: tyro.conf.Suppress[Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    """Further axes: setting -> its values, such as {"batch_size": (32, 64)}; every combination is run."""

    def __post_init__(self) -> None:
        if self.data_root is not None:
            if not isinstance(self.data_root, (str, os.PathLike)):
                raise ValueError(f"data_root must be the path of a folder, got {self.data_root!r}")
            object.__setattr__(self, "data_root", expanded(self.data_root))
        check_fields(self)
        for name in ("methods", "noise", "seeds"):
            check_values(name, getattr(self, name))
        for name in _SPECS:
            held = getattr(self, name)
            _check_specs(name, [held] if isinstance(held, str) else held)
        for text in self.noise:
            # The mapping of a data set is not known before it is read.
            NOISES.parse(text, {"mapping": "digits"})
        over = {check_axis(name): check_values(f"over {name}", values) for name, values in self.over.items()}
        for name in over.keys() & _SPECS.keys():
            _check_specs(name, over[name])
        object.__setattr__(self, "over", over)
        for _ in self.settings():
            pass

    def without_effect(self) -> list[str]:
        """Settings that differ from their defaults and change nothing, each as a sentence."""
        training, usual = self.training, TrainConfig()
        schedules = self.over.get("schedule", (training.schedule,))
        return [
            f"{name} is for the step schedule and has no effect with schedule {schedules[0]}"
            for name in ("milestones", "decay")
            if "step" not in schedules and (name in self.over or getattr(training, name) != getattr(usual, name))
        ]

    def settings(self) -> Iterator["Grid"]:
        """The grids without further axes that this one consists of. Raises ValueError if a setting cannot have a value."""
        if not self.over:
            yield self
            return
        for values in itertools.product(*self.over.values()):
            yield self.with_settings(dict(zip(self.over, values, strict=True)), over={})

    @property
    def compared_within(self) -> tuple[str, ...]:
        """The axes whose values tables keep apart. Runs that differ in the noise's seed are runs of one comparison."""
        return tuple(name for name in self.over if name != "noise_seed")

    def with_settings(self, settings: Mapping[str, Any], **fields: Any) -> "Grid":
        """This grid with other settings, of the grid or of the training."""
        names = {f.name for f in dataclasses.fields(TrainConfig)}
        training = replace(self.training, **{key: value for key, value in settings.items() if key in names})
        own = {key: value for key, value in settings.items() if key not in names}
        return replace(self, training=training, **own, **fields)

    def as_json(self) -> dict[str, Any]:
        """The grid as one flat mapping of JSON types, which `Grid.from_mapping` reads."""
        held = dataclasses.asdict(self)
        held["data_root"] = None if self.data_root is None else str(self.data_root)
        flat = {**held, **held.pop("training")}
        written: dict[str, Any] = json.loads(
            json.dumps({key: flat[key] for key in flat if key not in (*self.over, "training")})
        )
        return written

    @classmethod
    def from_mapping(cls, held: Mapping[str, Any]) -> "Grid":
        """The grid of a flat mapping of settings, as in a TOML file or `study.json`.

        Methods and noises are one or a list; seeds a number of seeds or a list. Raises ValueError for an unknown setting, a
        value that it cannot have, and a setting that is also an axis.
        """
        known = {f.name for f in dataclasses.fields(cls)} - {"training"} | {f.name for f in dataclasses.fields(TrainConfig)}
        settings: dict[str, Any] = {}
        for key, value in held.items():
            name = check_name(str(key).replace("-", "_"), known)
            settings[name] = tuple(value) if isinstance(value, list) else value
        for name in ("methods", "noise"):
            if isinstance(settings.get(name), str):
                settings[name] = (settings[name],)
        if "seeds" in settings:
            settings["seeds"] = seeds_of(settings["seeds"])
        over = settings.pop("over", {})
        if not isinstance(over, Mapping):
            raise ValueError(f"over must be a mapping of settings to values, as {{'batch_size': [32, 64]}}, got {over!r}")
        axes = {check_axis(name): check_values(f"over {name}", values) for name, values in over.items()}
        for name in axes.keys() & settings.keys():
            raise ValueError(f"{name} is given as {settings[name]!r} and as an axis, {axes[name]}; give one of them")
        try:
            return cls().with_settings(settings, over=axes)
        except OverflowError as error:
            raise ValueError(f"a setting is too large: {error}") from None


def _check_specs(name: str, texts: Sequence[str]) -> None:
    """Raise ValueError for an invalid spec, or for two that mean the same."""
    specs = [text if (name, text) == ("augment", "auto") else str(_SPECS[name].parse(text)) for text in texts]
    for place, spec in enumerate(specs):
        if spec in specs[:place]:
            raise ValueError(f"{name} names {texts[specs.index(spec)]!r} and {texts[place]!r}, which are the same")


def seeds_of(seeds: Any) -> tuple[int, ...]:
    """Expand a number of seeds: 5 gives the seeds 0 to 4. A list is taken as the seeds themselves: [7] is seed 7 alone.

    Raises ValueError for anything else, and for a number below 1.
    """
    if isinstance(seeds, int | np.integer) and not isinstance(seeds, bool) and seeds >= 1:
        return tuple(range(int(seeds)))
    if isinstance(seeds, bool | str | Real) or not isinstance(seeds, Iterable):
        raise ValueError(
            f"seeds must be a number of seeds (5: the seeds 0 to 4) or the seeds themselves ([7]: seed 7 alone), got {seeds!r}"
        )
    return tuple(seeds)


def check_axis(name: str) -> str:
    """Return `name` if a grid can vary that setting. Raises ValueError, with a suggestion, otherwise."""
    fixed = {"data_root", "methods", "noise", "seeds", "recipe", "training", "over"}
    own = [f.name for f in dataclasses.fields(Grid) if f.name not in fixed]
    trained = [f.name for f in dataclasses.fields(TrainConfig) if f.name not in ("processes", "sync_batch_norm")]
    if axis := {"method": "methods", "seed": "seeds"}.get(name, name if name in ("methods", "noise", "seeds") else None):
        raise ValueError(f"over varies settings; {axis.removesuffix('s')} is varied already, by {axis}=...")
    if name == "recipe":
        raise ValueError("over varies settings; both recipes are run by recipe='both' (--recipe both)")
    return check_name(name, [*own, *trained])


def check_name(name: str, known: Sequence[str] | set[str]) -> str:
    """Return `name` if it is a setting. Raises ValueError, with a suggestion, otherwise."""
    if name in known:
        return name
    meant = f" (did you mean {ALIASES[name]!r}?)" if name in ALIASES else did_you_mean(name, sorted(known))
    raise ValueError(f"there is no setting {name!r}{meant}; settings: {', '.join(sorted(known))}")


def check_values(name: str, values: Any) -> tuple[Any, ...]:
    """The values of an axis as a tuple. Raises ValueError for no values, a single value, or one that occurs twice."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(f"{name} must be a tuple of values, got {values!r}; write ({values!r},)")
    if not values:
        raise ValueError(f"{name} must name at least one")
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{name} names {value!r} twice")
    return tuple(values)
