"""`RunConfig`: everything that can change a number of a run, and the run's identity."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal

from noisylab.core.checks import Bound, NonNegativeInt, NotIdentity, PositiveInt, check_fields, has_metadata
from noisylab.core.foreign_text import for_file_name
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.training.config import TrainConfig

# Increased whenever the same configuration would give other numbers than before.
FORMAT = 9

Budget = Literal["images", "updates", "epochs", "compute"]
Select = Literal["last", "validation"]
Record = Literal["online", "eval"]
# A part of the training samples, less than all.
Share = Annotated[float, Bound(ge=0, lt=1, written_as="percent")]

# The spec fields, and their registries.
SPECS = {"data": DATA_SETS, "model": MODELS, "method": METHODS, "noise": NOISES, "augment": AUGMENTATIONS}

# Noises whose files hold the labels themselves, which do not depend on a seed.
LABELS_IN_FILES = ("file", "record")

# The fields in which runs of one comparison differ; all other differences are settings.
COMPARED = ("method", "noise", "noise_digest", "noise_seed", "seed", "code")


@dataclass(frozen=True)
class Code:
    """Code of the user's own that a run needs: the file or module that defines it, and the SHA-256 of its source.

    names: what to register after the import, as (registry, name, attribute of the module).
    """

    source: Annotated[str, NotIdentity()]
    sha256: str
    names: Annotated[tuple[tuple[str, str, str], ...], NotIdentity()] = ()


@dataclass(frozen=True)
class RunConfig:
    """Everything that can change a number of a run. data, model, method, noise and augment are canonical specs.

    data_digest, noise_digest: SHA-256 of the arrays and of the given labels, so that a changed file is another run. record:
    whether per-sample records come from the training steps (`online`) or from an extra pass (`eval`). budget: what runs of a
    comparison have alike. training: the nominal configuration, which budget and overrides of the method turn into
    `training_run`. test_size: the number of test samples.
    """

    data: str
    data_digest: str
    train_size: PositiveInt
    test_size: PositiveInt
    model: str
    method: str
    noise: str
    noise_digest: str
    noise_seed: NonNegativeInt
    seed: NonNegativeInt
    augment: str
    record: Record
    budget: Budget
    training: TrainConfig
    validation: Share = 0.0
    select: Select = "last"
    evaluate_every: PositiveInt = 1
    code: tuple[Code, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.select == "validation" and not self.validation:
            raise ValueError("select 'validation' needs validation samples, got validation 0; write --validation 0.1")

    def as_json(self) -> dict[str, Any]:
        """All fields and the format version, as JSON types."""
        return {"format": FORMAT, **json.loads(json.dumps(dataclasses.asdict(self)))}

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> "RunConfig":
        """The configuration that `as_json` wrote; other keys are ignored."""
        fields = {field.name: held[field.name] for field in dataclasses.fields(cls)}
        training = {**fields["training"], "milestones": tuple(fields["training"]["milestones"])}
        code = tuple(Code(each["source"], each["sha256"], tuple(map(tuple, each["names"]))) for each in fields["code"])
        return cls(**{**fields, "training": TrainConfig(**training), "code": code})

    @cached_property
    def id(self) -> str:
        """The name of the run's folder: a readable name, and a SHA-256 of the identity."""
        name = for_file_name(f"{_short(self.method)}-{_short(self.noise)}-seed{self.seed}")
        return f"{name}-{_digest(identity(self))}"

    @cached_property
    def comparison_key(self) -> str:
        """A digest of everything that runs of one comparison share: all except method, noise and seeds."""
        return _digest({key: value for key, value in identity(self).items() if key not in COMPARED})

    @property
    def epochs_trained(self) -> int:
        """The epochs that the method gets under the budget. Raises ValueError if they are not a whole number."""
        epochs = self.training.epochs
        if self.budget in ("updates", "epochs"):
            return epochs
        spec = METHODS.parse(self.method)
        method = METHODS.load(spec.name)
        if self.budget == "compute":
            # What an epoch costs can depend on the length of the training.
            costs = {count: count * method.compute_factor(epochs=count, **spec.options) for count in range(1, epochs + 1)}
            return max((count for count, cost in costs.items() if cost <= epochs * (1 + 1e-9)), default=1)
        factor: int = method.images_factor(**spec.options)
        if epochs % factor:
            below = epochs // factor * factor
            either = f"{below} or {below + factor}" if below else str(factor)
            raise ValueError(
                f"epochs must be a multiple of {factor} for {spec.label} under budget images, got {epochs}; "
                f"take {either}, or --budget epochs"
            )
        return epochs // factor

    @property
    def batch_entries(self) -> int:
        """The entries of a batch that the method gets under the budget, the repeated ones included."""
        if self.budget != "updates":
            return self.training.batch_size
        spec = METHODS.parse(self.method)
        factor: int = METHODS.load(spec.name).images_factor(**spec.options)
        return factor * self.training.batch_size

    @property
    def training_run(self) -> TrainConfig:
        """`training` with `epochs_trained`, `batch_entries` and the overrides of the method: what is run.

        Raises ValueError if they do not fit together.
        """
        spec, epochs, entries = METHODS.parse(self.method), self.epochs_trained, self.batch_entries
        try:
            return replace(self.training, epochs=epochs, batch_size=entries, **spec.overrides)
        except ValueError as error:
            raise ValueError(f"{spec.label} under budget {self.budget}: {error}") from None


def identity(config: RunConfig) -> dict[str, Any]:
    """The identity of a run, as JSON types: everything that can change a number.

    Paths are not in it, since the digests of the files are; nor are options without effect.
    """
    content = _marked_out(config)
    for name, registry in SPECS.items():
        content[name] = registry.identity(content[name])
    if config.training.schedule != "step":
        del content["training"]["milestones"], content["training"]["decay"]
    return {"format": FORMAT, **json.loads(json.dumps(content))}


def _marked_out(held: Any) -> dict[str, Any]:
    """The fields of a dataclass, without those marked `NotIdentity`."""
    content = {}
    for field in dataclasses.fields(held):
        value = getattr(held, field.name)
        if has_metadata(field.type, NotIdentity()):
            continue
        if dataclasses.is_dataclass(value):
            value = _marked_out(value)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            value = [_marked_out(each) for each in value]
        content[field.name] = value
    return content


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _short(spec: str) -> str:
    """The name of a canonical spec with only its rate: `symmetric-0.4`."""
    name, _, options = spec.partition("(")
    number = re.search(r"\brate=([0-9.]+)", options)
    return f"{name}-{number[1]}" if number else name
