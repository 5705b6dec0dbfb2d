"""`Composed`: methods that add something to the loss of another one, their option `on`."""

import dataclasses
from typing import Any, cast

from torch import Tensor, nn

from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, TeacherProvider
from noisylab.methods.provenance import Fidelity
from noisylab.models.base import Backbone


def base_losses() -> list[str]:
    """The names of the methods that `on` takes: their loss needs logits, labels and a memory, and no network of their own."""
    return [name for name in METHODS.entries() if _is_base(METHODS.load(name))]


def make_base(on: str, run: RunInfo) -> Method:
    """The method that the spec `on` names, without a network: its `network` is an empty module.

    Raises ValueError if its loss needs a network of its own.
    """
    _kind(on)
    without_network = dataclasses.replace(run, make_network=lambda: cast(Backbone, nn.Module()))
    base: Method = METHODS.create(on, without_network)
    # An option can need a network too.
    if not base.is_base_loss:
        raise _refused(on)
    return base


def _kind(on: str) -> tuple[type[Method], dict[str, Any]]:
    """The class and the options that the spec `on` names. Raises ValueError unless it is that of a base loss."""
    spec = METHODS.parse(on)
    kind: type[Method] = METHODS.load(spec.name)
    if not _is_base(kind):
        raise _refused(on)
    return kind, dict(spec.options)


def _is_base(kind: type[Method]) -> bool:
    # Whatever judges samples or predicts by itself needs a network.
    needs_network = any(getattr(kind, hook) is not getattr(Method, hook) for hook in ("assess", "forward"))
    return kind.is_base_loss and not needs_network


def _refused(on: str) -> ValueError:
    label, taken = METHODS.parse(on).label, ", ".join(base_losses())
    return ValueError(f"on must be a method whose loss needs no network of its own, got {label!r}; it can be {taken}")


class Composed(Method):
    """Base class of methods that add something to the loss of another one, the base.

    The base has no network. What it remembers, prepares and schedules works as on its own, except that it sees every entry of
    this method's batches: if samples are repeated, a memory moves at every presentation (twice an epoch, so that a momentum of
    beta is beta^2 per epoch).

    Args:
        run: What the method may know about the run.
        on: Spec of the base, a method with `is_base_loss`.

    Raises:
        ValueError: If `on` is no base loss; the message lists those that are.

    Example:
        >>> class Doubled(Composed):
        ...     def loss_from_logits(self, logits, batch):
        ...         return 2 * self.supervised(logits, batch)
    """

    supports_mixed_images = True

    def __init__(self, run: RunInfo, on: str) -> None:
        super().__init__(run)
        self.base = make_base(on, run)
        self.supports_mixed_images = self.base.supports_mixed_images
        self.target_update = self.target_update or self.base.target_update

    def supervised(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of the base, scalar."""
        loss = self.base.loss_from_logits(logits, batch)
        if self.selected is not self.base.selected:
            self.selected = self.base.selected
        return loss

    def prepare(self, teachers: TeacherProvider) -> None:
        """Get the teachers of the base."""
        self.base.prepare(teachers)

    def own_learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Those of the base."""
        return self.base.own_learning_rates()

    def learning_rate_factor(self, progress: float) -> float:
        """That of the base."""
        return self.base.learning_rate_factor(progress)

    def schedule_position(self, progress: float) -> float:
        """That of the base."""
        return self.base.schedule_position(progress)

    @property
    def adjusts_gradients(self) -> bool:
        """Whether the base, or a method derived from this one, does."""
        own = getattr(self.adjust_gradients, "__func__", None) is not Composed.adjust_gradients
        return own or self.base.adjusts_gradients

    def adjust_gradients(self) -> None:
        """Let the base adjust the gradients of its own parameters."""
        self.base.adjust_gradients()

    def after_step(self) -> None:
        """Tell the base."""
        self.base.after_step()

    def observe(self, logits: Tensor, batch: Batch) -> None:
        """Let the base remember every entry."""
        self.base.observe(logits, batch)

    def start_epoch(self, epoch: int) -> None:
        """Tell the base."""
        self.base.start_epoch(epoch)

    def end_epoch(self, epoch: int) -> None:
        """Tell the base."""
        self.base.end_epoch(epoch)

    @classmethod
    def fidelity_for(cls, **options: Any) -> Fidelity:
        """Ours, if the base is another one than the published one."""
        return cls.provenance.fidelity if METHODS.parse(options.get("on", "ce")).name == "ce" else "ours"

    @classmethod
    def num_trainings(cls, **options: Any) -> int:
        """As many as the base has."""
        kind, inner = _kind(options.get("on", "ce"))
        return kind.num_trainings(**inner)
