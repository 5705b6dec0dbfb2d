"""Forward and backward passes of a training step, and images of a run, counted by hooks while the training loop runs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from noisylab.core.system import Device
from noisylab.costs.workload import Workload
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.composition import presentations_of
from noisylab.methods.base import Method, Step
from noisylab.models.base import Backbone
from noisylab.training.callback import Callback, EpochSummary
from noisylab.training.config import TrainConfig
from noisylab.training.loop import train


@dataclass(frozen=True)
class Passes:
    """forward, backward, networks: those of the most expensive step of a run, over all its networks.

    The maximum counts, because a memory or a snapshot costs nothing before it exists. images: images through the measured
    network with a gradient, per training sample and epoch of the run. images_total: those through any network, passes without
    gradient and passes between the steps included.
    """

    forward: int
    backward: int
    networks: int
    images: float
    images_total: float


class PassCounter(Callback):
    """A context that counts the passes of a method over a whole run.

    A pass is a call of a backbone's classifier, which methods may call without the network itself. It is also a backward pass
    if a gradient reaches the classifier's output. Networks are distinguished by their weights, not by their modules, because
    one module may be called with the weights of several networks.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self._forward, self._backward, self._weights, self._trained = 0, 0, set[int](), Counter[int]()
        self._most, self._first = [0, 0, 0], True
        self._images, self._images_total, self._entries = 0, 0, 0

    def __enter__(self) -> Self:
        # A global hook, so that networks that are made during training count too.
        self._handle = register_module_forward_hook(self._on_call)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._handle.remove()

    def on_step(self, batch: Batch, step: Step) -> None:  # noqa: ARG002
        """Close the step."""
        # Passes that assess all samples come before the first step of an epoch.
        if not self._first:
            counted = (self._forward, self._backward, len(self._weights))
            self._most = [max(pair) for pair in zip(self._most, counted, strict=True)]
        self._images += self._trained[_weights(self._method.network.classifier)]
        self._entries += len(batch.index)
        self._forward, self._backward, self._weights, self._trained = 0, 0, set(), Counter()
        self._first = False

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:  # noqa: ARG002
        """Close the epoch."""
        self._first = True

    def passes(self) -> Passes:
        """The counts so far."""
        # The first batch of a run repeats nothing, so images are counted by entries.
        each = presentations_of(self._method.composition) / self._entries
        forward, backward, networks = self._most
        return Passes(forward, backward, networks, self._images * each, self._images_total * each)

    def _on_call(self, module: nn.Module, inputs: Any, output: Tensor) -> None:  # noqa: ARG002
        if not any(network.classifier is module for network in _networks(self._method)):
            return
        weights = _weights(module)
        self._forward += 1
        self._images_total += len(output)
        self._weights.add(weights)
        if output.requires_grad:
            self._trained[weights] += len(output)
            output.register_hook(self._on_gradient)  # type: ignore[no-untyped-call]

    def _on_gradient(self, gradient: Tensor) -> None:  # noqa: ARG002
        self._backward += 1


def _networks(module: nn.Module) -> Iterator[Backbone]:
    """The networks of a module; their layers are not visited, since every call of any of them asks."""
    if isinstance(module, Backbone):
        yield module
    else:
        for child in module.children():
            yield from _networks(child)


def _weights(module: nn.Module) -> int:
    """What distinguishes the weights of a module."""
    return next(module.parameters()).data_ptr()


def count_passes(workload: Workload, method: str, device: Device) -> Passes:
    """The passes of a method (spec) over a whole run of the training loop."""
    built = workload.build_prepared(method).method
    config = TrainConfig(workload.epochs, workload.batch_size, learning_rate=1e-3, device=device)
    with PassCounter(built) as counter:
        train(built, workload.data(method), config, [counter])
    return counter.passes()
