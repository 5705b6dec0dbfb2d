"""The interface that every training method has."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from noisylab.core.checks import PositiveInt
from noisylab.core.registries import METHODS
from noisylab.core.specs import Spec
from noisylab.data.augmentations.crop import Augmentation
from noisylab.data.augmentations.mixing import Mixing
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.samplers import Composition, presentations_of
from noisylab.methods.memory import Memory
from noisylab.models.base import Backbone, create_model


class Step(NamedTuple):
    """loss: scalar to minimise. logits: float[B, K] of all entries of the batch, in its order.

    The loop replaces the logits of mixed images by None, since they are no predictions of single samples.
    """

    loss: Tensor
    logits: Tensor | None


@dataclass(frozen=True)
class RunInfo:
    """What a method may know of the run: how to make networks, and the sizes of things. No true labels.

    noise_rate: the realised rate, for methods that are published with it given (Co-teaching). transition: float64[K, K], the
    known T, for those published with that (forward correction). None where it is not known.
    """

    make_network: Callable[[], Backbone]
    num_classes: int
    num_samples: int
    epochs: int
    noise_rate: float | None = None
    transition: Tensor | None = None


class TeacherProvider(Protocol):
    """What a method can ask of the run before its own training: finished networks, trained by the same loop."""

    def trained(self, method: str, *, model: str | None = None) -> "Method":
        """What the spec `method` names, trained on the same data and given labels from an own initialisation.

        model: spec of its network; None: that of the run.
        """

    def logits(self, method: "Method") -> Tensor:
        """float32[N, K] of the training images, without augmentation, in evaluation mode."""


class Method(Memory):
    """A training method: it owns its networks, says what its batches are made of, and computes their loss.

    `state_dict()` is the whole truth: what a method keeps between steps is declared with `remember`. What it does not train has
    `requires_grad=False` (see `Frozen`). The first line of its docstring ends with the source.
    """

    composition: Composition = "plain"
    # Whether the loss is right for mixed images (`Batch.mix`): its labels are those of `given_targets`.
    supports_mixed_images: ClassVar[bool] = False

    # How often targets that the network predicted before are renewed: "batch", "epoch", "5 epochs". None: there are none.
    target_update: str | None = None

    def __init__(self, run: RunInfo) -> None:
        super().__init__()
        self.network = run.make_network()

    def prepare(self, teachers: TeacherProvider) -> None:
        """Called once before training, also before training goes on, for methods that need a finished teacher."""

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The scalar loss of a batch, whose images have these logits float[B, K]."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> Step:
        """Loss and logits of one batch, in one forward pass. Methods that need other outputs of the network override this."""
        logits = self.network(batch.images)
        return Step(self.loss_from_logits(logits, batch), logits)

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Called after every step, for memories of samples.

        If several processes train together, the logits float[B, K], `batch.index`, `batch.labels` and `batch.new` are those of
        all of them.
        """

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K] for evaluation."""
        logits: Tensor = self.network(images)
        return logits

    def start_epoch(self, epoch: int) -> None:
        """Called before the first step of an epoch."""

    def end_epoch(self, epoch: int) -> None:
        """Called after the last step of an epoch."""

    def schedule_position(self, progress: float) -> float:
        """Position in the learning-rate schedule after `progress` epochs. Methods with cyclic schedules override this."""
        return progress

    @classmethod
    def composition_for(cls, **options: Any) -> Composition:  # noqa: ARG003 - for methods whose options decide
        """The `composition` of a method with these options. Usable without building the method."""
        return cls.composition

    @classmethod
    def images_factor(cls, **options: Any) -> int:
        """Images that go through the measured network per training sample and epoch; teachers and peers do not count."""
        return presentations_of(cls.composition_for(**options))

    @classmethod
    def num_trainings(cls, **options: Any) -> int:  # noqa: ARG003 - for methods whose options decide
        """Trainings of all epochs that a run takes, those of its teachers included."""
        return 1


def every_epochs(count: int) -> str:
    """That many epochs as `Method.target_update` has them."""
    return "epoch" if count == 1 else f"{count} epochs"


class Frozen(nn.Module):
    """A network that teaches: in evaluation mode whatever its owner's mode, with no gradient, out of the optimiser's reach."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - it never trains
        """Stays in evaluation mode."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K], detached."""
        with torch.no_grad():
            logits: Tensor = self.network(images)
        return logits


def create_method(
    spec: str | Spec,
    model: str | Spec | Callable[[], Backbone] = "small_cnn",
    *,
    num_classes: PositiveInt,
    num_samples: PositiveInt,
    epochs: PositiveInt,
    in_channels: PositiveInt = 3,
    noise_rate: float | None = None,
    transition: Tensor | None = None,
) -> "Method":
    """The training method that a spec names, with its networks.

    Args:
        spec: A registered method, with options if it has any: `"dlb(alpha=3)"`.
        model: The spec of its network, or a function that makes one.
        num_classes: The number of classes.
        num_samples: The number of training samples, for methods that remember each.
        epochs: How long it will train, for methods with a schedule of their own.
        in_channels: Channels of the images, if `model` is a spec.
        noise_rate: The realised rate, for methods that are published with it given.
        transition: float64[K, K], for methods that are published with the true transition matrix given.

    Returns:
        The method, an `nn.Module` whose `loss` takes a `Batch`.

    Raises:
        ValueError: For an unknown method, network or option.

    Example:
        >>> from noisylab.methods import create_method
        >>> method = create_method("dlb(alpha=3)", num_classes=10, num_samples=1000, epochs=5)
        >>> method.composition
        'last'
    """
    make = model if callable(model) else functools.partial(create_model, model, num_classes, in_channels)
    method: Method = METHODS.create(spec, RunInfo(make, num_classes, num_samples, epochs, noise_rate, transition))
    return method


def check_mixing(method: Method, augmentation: Augmentation) -> None:
    """Raise ValueError where an augmentation mixes images and the method has no loss for that."""
    if isinstance(augmentation, Mixing) and not method.supports_mixed_images:
        able = ", ".join(name for name in METHODS.entries() if METHODS.load(name).supports_mixed_images)
        raise ValueError(f"its loss takes no mixed images (augmentations mixup, cutmix); methods that take them: {able}")
