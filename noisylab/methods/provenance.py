"""Where a method and its numbers come from: `Provenance` and `Recipe`, which every method's file states."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from noisylab.core.checks import Momentum, NonNegative, Positive, check_fields
from noisylab.core.registries import Optimizer

Fidelity = Literal["paper", "code", "approximation", "ours"]


@dataclass(frozen=True)
class Provenance:
    """How faithful a method is to its publication, and where its defaults come from.

    Attributes:
        fidelity: `paper`: as printed; `code`: equal to the authors' public code on the same batch; `approximation`: a part is
            missing (see `deviations`); `ours`: not published.
        numbers: The source of each option's default, by name: "paper, Sec. 4.1", "code", "ours".
        deviations: Each in half a sentence, with the option that undoes it if there is one.
        published: A published number, the command that runs it, and what came out; or "not run here".
    """

    fidelity: Fidelity = "ours"
    numbers: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    published: str = "not run here"

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Recipe:
    """The published training settings of a method on a data set. None: the paper gives none, so the study's holds.

    Attributes:
        source: Paper or public code, with the place.
        optimizer: Its name.
        learning_rate: Peak rate.
        momentum: Nesterov momentum, or Adam's beta 1.
        weight_decay: L2 penalty.
        gradient_clip: Largest total norm of the gradients.
    """

    source: str
    optimizer: Optimizer | None = None
    learning_rate: Positive | None = None
    momentum: Momentum | None = None
    weight_decay: NonNegative | None = None
    gradient_clip: Positive | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def overrides(self) -> dict[str, Any]:
        """The settings that it gives, by name."""
        held = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "source"}
        return {name: value for name, value in held.items() if value is not None}
