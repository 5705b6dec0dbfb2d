"""The interface that every training method has."""

import functools
import math
from collections.abc import Callable, Mapping
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
from noisylab.data.batches.composition import Composition, presentations_of
from noisylab.methods.memory import Memory
from noisylab.methods.provenance import Fidelity, Provenance, Recipe
from noisylab.models.base import Backbone, create_model


class Step(NamedTuple):
    """The result of one batch.

    Attributes:
        loss: Scalar to minimise.
        logits: float[B, K] of all entries of the batch, in its order. The loop replaces those of mixed images by None, because
            they are not predictions of single samples.
        selected: bool[B], the entries that a selecting method trains the measured network on; None for other methods.
    """

    loss: Tensor
    logits: Tensor | None
    selected: Tensor | None = None


@dataclass(frozen=True)
class RunInfo:
    """What a method may know about the run. It never knows true labels.

    Attributes:
        make_network: Makes a network with fresh weights.
        num_classes: The number K of classes.
        num_samples: Number of training samples; ids are below it.
        epochs: Length of the training.
        noise_rate: The realised rate, for methods that are published with it given (Co-teaching); None if it is not known.
        transition: float64[K, K], the true T, for methods that are published with it given (forward correction); None if it is
            not known.
    """

    make_network: Callable[[], Backbone]
    num_classes: int
    num_samples: int
    epochs: int
    noise_rate: float | None = None
    transition: Tensor | None = None

    def known_rate(self, given: float | None) -> float:
        """The option `forget_rate`, or if it is None, the noise rate. Raises ValueError if neither is known."""
        rate = self.noise_rate if given is None else given
        if rate is None:
            raise ValueError("forget_rate must be given if the noise rate is not known, got None")
        return rate


class TeacherProvider(Protocol):
    """Gives a method finished networks, trained by the same loop, before its own training."""

    def trained(self, method: str, *, model: str | None = None) -> "Method":
        """A method, trained on the same data and given labels from its own initialisation.

        Args:
            method: Its spec.
            model: Spec of its network; by default that of the run.
        """

    def logits(self, method: "Method") -> Tensor:
        """The logits float32[N, K] of the training images, without augmentation, in evaluation mode."""


class Method(Memory):
    """A training method: it owns its networks, says what its batches are made of, and computes their loss.

    `state_dict()` holds all state: a method declares what it keeps between steps with `remember`. Parameters that it does not
    train have `requires_grad=False` (see `Frozen`). The first line of its docstring ends with the source.

    Args:
        run: What the method may know about the run.

    Example:
        >>> class Plain(Method):
        ...     def loss_from_logits(self, logits, batch):
        ...         return torch.nn.functional.cross_entropy(logits, batch.labels)
    """

    composition: Composition = "plain"
    # Whether the loss handles mixed images (`Batch.mix`), by taking its labels from `given_targets`.
    supports_mixed_images: bool = False
    # Whether `loss_from_logits` needs no network besides its arguments and the method's memory, so that `on=` can build on it.
    is_base_loss: bool = False
    # Whether the loss of single samples has no bound, so that a large one does not mean that training diverged.
    has_unbounded_loss: ClassVar[bool] = False
    # Passes through all of the method's networks for each image of a batch, those without gradient included.
    passes_per_image: ClassVar[int] = 1
    # Where the method and its numbers come from, and its published training settings by data set, or under "default".
    provenance: ClassVar[Provenance] = Provenance()
    recipe: ClassVar[Mapping[str, Recipe]] = {}

    # bool[B], the entries of the last batch that a selecting method trained the measured network on.
    selected: Tensor | None = None
    # How often targets from earlier predictions are renewed: "batch", "epoch", "5 epochs". None: there are no such targets.
    target_update: str | None = None

    def __init__(self, run: RunInfo) -> None:
        super().__init__()
        kind = type(self)
        if kind.loss is Method.loss and kind.loss_from_logits is Method.loss_from_logits:
            raise ValueError(f"method {kind.__name__} must define loss_from_logits, or loss if it needs other outputs")
        self.network = run.make_network()

    def prepare(self, teachers: TeacherProvider) -> None:
        """Called once before training starts or continues, for methods that need a finished teacher."""

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """The scalar loss of a batch with the logits float[B, K] of its images."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> Step:
        """Loss and logits of one batch, from one forward pass. Override it if a method needs other outputs of the network."""
        logits = self.network(batch.images)
        loss = self.loss_from_logits(logits, batch)
        return Step(loss, logits, self.selected)

    @property
    def stackable(self) -> bool:
        """Whether the loss needs only the logits of its batch, so that networks of several runs can share their passes."""
        return type(self).loss is Method.loss

    def own_learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters that plain SGD trains with a constant learning rate of their own, without momentum or weight decay."""
        return []

    def learning_rate_factor(self, progress: float) -> float:  # noqa: ARG002 - for methods with a ramp
        """A factor of the scheduled learning rate after `progress` epochs."""
        return 1.0

    @property
    def adjusts_gradients(self) -> bool:
        """Whether `adjust_gradients` does anything."""
        return getattr(self.adjust_gradients, "__func__", None) is not Method.adjust_gradients

    def adjust_gradients(self) -> None:
        """Called after the backward pass and before clipping and the update, to change the gradients in place."""

    def after_step(self) -> None:
        """Called after every update of the weights, for averages of networks."""

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Called after every step, for memories of samples.

        With several processes, the logits float[B, K], `batch.index`, `batch.labels` and `batch.new` cover all of them.
        """

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K] for evaluation."""
        logits: Tensor = self.network(images)
        return logits

    def assess(self, epoch: int, outputs: Callable[[nn.Module], Tensor], given: Tensor) -> None:
        """Called before `start_epoch`, for methods that judge all samples before an epoch.

        outputs: gives the logits float32[N, K] of a network for all training images, without augmentation and in evaluation
        mode, on the device; a call costs a pass over the data, which `total_images_factor` counts. given: int64[N].
        """

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
    def fidelity_for(cls, **options: Any) -> Fidelity:  # noqa: ARG003 - for methods whose options decide
        """`provenance.fidelity`, or that of these options."""
        return cls.provenance.fidelity

    @classmethod
    def images_factor(cls, **options: Any) -> int:
        """Images through the measured network per training sample and epoch, without teachers and peers."""
        return presentations_of(cls.composition_for(**options))

    @classmethod
    def total_images_factor(cls, *, epochs: int, **options: Any) -> float:  # noqa: ARG003 - for methods that change over epochs
        """Images through all networks per training sample and epoch, on average over a training of `epochs` epochs.

        Counts forward passes without gradient too, but not the trainings of teachers.
        """
        return float(cls.passes_per_image * cls.images_factor(**options))

    @classmethod
    def num_trainings(cls, **options: Any) -> int:  # noqa: ARG003 - for methods whose options decide
        """The number of complete trainings in a run, including its teachers."""
        return 1

    @classmethod
    def compute_factor(cls, *, epochs: int, **options: Any) -> float:
        """`total_images_factor` with the trainings of teachers, by CE unless a method says otherwise."""
        return cls.total_images_factor(epochs=epochs, **options) + cls.num_trainings(**options) - 1


def every_epochs(count: int) -> str:
    """An interval of epochs for `Method.target_update`."""
    return "epoch" if count == 1 else f"{count} epochs"


def whole_epochs(share: float, epochs: int) -> int:
    """A share of a training in whole epochs, rounded up; .1 of 30 is 3."""
    return math.ceil(share * epochs - 1e-9)


class Frozen(nn.Module):
    """A teacher: always in evaluation mode, without gradient, and out of the optimiser's reach.

    Args:
        network: From images to logits.

    Example:
        >>> from noisylab.models import create_model
        >>> Frozen(create_model("small_cnn", num_classes=10)).train().training
        False
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - it never trains
        """Stay in evaluation mode."""
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
        num_samples: The number of training samples, for methods with a memory of samples.
        epochs: The length of the training, for methods with a schedule of their own.
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
    """Raise ValueError if an augmentation mixes images and the method has no loss for mixed images."""
    if isinstance(augmentation, Mixing) and not method.supports_mixed_images:
        able = ", ".join(name for name in METHODS.entries() if METHODS.load(name).supports_mixed_images)
        raise ValueError(f"its loss takes no mixed images (augmentations mixup, cutmix); methods that take them: {able}")
