"""Forward and backward passes of a training step, counted by hooks while the training loop runs."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from noisylab.core.system import Device
from noisylab.costs.workload import Workload
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.models.base import Backbone
from noisylab.training.callback import Callback, EpochSummary
from noisylab.training.config import TrainConfig
from noisylab.training.loop import train


@dataclass(frozen=True)
class Passes:
    """forward, backward, networks: those of the most expensive step of a run, over all its networks.

    The maximum counts, because a memory or a snapshot costs nothing before it exists. images_per_new: entries that went forward
    through any network, per new presentation of a sample, in the last epoch.
    """

    forward: int
    backward: int
    networks: int
    images_per_new: float


class PassCounter(Callback):
    """A context that counts the passes of every training step of a method.

    A pass is a call of a backbone's classifier, which methods may call without the network itself. It is also a backward pass
    if a gradient reaches the classifier's output. Networks are distinguished by their weights, not by their modules, because
    one module may be called with the weights of several networks.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self._forward, self._backward, self._weights = 0, 0, set[int]()
        self._most = [0, 0, 0]
        self._images, self._new, self._ratio = 0, 0, 0.0

    def __enter__(self) -> Self:
        # A global hook, so that networks that are made during training count too.
        self._handle = register_module_forward_hook(self._on_call)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._handle.remove()

    def on_step(self, batch: Batch, step: Step) -> None:  # noqa: ARG002
        """Close the step."""
        counted = (self._forward, self._backward, len(self._weights))
        self._most = [max(pair) for pair in zip(self._most, counted, strict=True)]
        self._forward, self._backward, self._weights = 0, 0, set()
        self._new += len(batch.index[batch.new])

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:  # noqa: ARG002
        """Close the epoch."""
        self._ratio = self._images / self._new
        self._images, self._new = 0, 0

    def passes(self) -> Passes:
        """The counts so far."""
        forward, backward, networks = self._most
        return Passes(forward, backward, networks, self._ratio)

    def _on_call(self, module: nn.Module, inputs: Any, output: Tensor) -> None:  # noqa: ARG002
        if not any(isinstance(part, Backbone) and part.classifier is module for part in self._method.modules()):
            return
        self._forward += 1
        self._images += len(output)
        self._weights.add(next(module.parameters()).data_ptr())
        if output.requires_grad:
            output.register_hook(self._on_gradient)  # type: ignore[no-untyped-call]

    def _on_gradient(self, gradient: Tensor) -> None:  # noqa: ARG002
        self._backward += 1


def count_passes(workload: Workload, method: str, device: Device) -> Passes:
    """The passes of a method (spec) over a whole run of the training loop."""
    built = workload.build_prepared(method).method
    config = TrainConfig(workload.epochs, workload.batch_size, learning_rate=1e-3, device=device)
    with PassCounter(built) as counter:
        train(built, workload.data(method), config, [counter])
    return counter.passes()
