"""`StackedNetwork`: networks of one architecture that share one forward and backward pass.

Convolutions become grouped ones, batch norms lie side by side, and linear layers become a batched product, so that small
networks pay for each kernel once instead of once each.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.models.base import Backbone


class StackedNetwork(nn.Module):
    """N networks of one architecture as one, from images float[N, B, C, H, W] to logits float[N, B, K].

    Its parameters and running statistics are those of the networks, which hold views of them from then on: an update of the
    stacked parameters is one of every network, and each can be evaluated, saved and loaded as before.

    Args:
        networks: N networks of one architecture, on one device, in the memory format that they will have.

    Raises:
        ValueError: If they have layers that cannot be stacked, or are not alike.

    Example:
        >>> from noisylab.models import create_model
        >>> networks = [create_model("small_cnn", num_classes=10, in_channels=1) for _ in range(3)]
        >>> StackedNetwork(networks)(torch.zeros(3, 2, 1, 8, 8)).shape
        torch.Size([3, 2, 10])
    """

    def __init__(self, networks: Sequence[Backbone]) -> None:
        super().__init__()
        self.count = len(networks)
        one = networks[0]
        if not all(
            type(network) is type(one)
            and [(name, value.shape) for name, value in network.state_dict().items()]
            == [(name, value.shape) for name, value in one.state_dict().items()]
            for network in networks
        ):
            raise ValueError("stacked networks must be alike")
        self.network = copy.deepcopy(one)
        _check_own(one)
        self._replace(self.network, list(networks))

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[N, B, K] of images float[N, B, C, H, W]."""
        count, size, channels, *shape = images.shape
        side_by_side = images.transpose(0, 1).reshape(size, count * channels, *shape)
        logits: Tensor = self.network(side_by_side.contiguous(memory_format=torch.channels_last))
        return logits.transpose(0, 1)

    def _replace(self, module: nn.Module, originals: list[Any]) -> None:
        """Replace the layers of `module`, a copy of each of `originals`, by those that do the work of all."""
        for name, child in module.named_children():
            parts = [original.get_submodule(name) for original in originals]
            if make := STACKED.get(type(child)):
                setattr(module, name, make(parts))
            elif hasattr(child, "stacked"):
                # Layers that move channels say themselves what becomes of the channels of several networks.
                setattr(module, name, child.stacked(self.count))
                self._replace(getattr(module, name), parts)
            else:
                _check_own(child)
                self._replace(child, parts)


def _check_own(module: nn.Module) -> None:
    """Raise ValueError if a layer that is no container draws numbers, or holds weights, which would be those of one network."""
    if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
        raise ValueError("networks with dropout cannot be stacked, because its draws would depend on the others")
    if any(True for held in (module.parameters, module.buffers) for _ in held(recurse=False)):
        raise ValueError(f"layers of the type {type(module).__name__} cannot be stacked")


class _Convolution(nn.Module):
    """Convolutions side by side: a grouped one."""

    def __init__(self, parts: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        one = parts[0]
        if one.padding_mode != "zeros":
            raise ValueError(f"convolutions with padding mode {one.padding_mode!r} cannot be stacked")
        self.weight, self.bias = _joined(parts, "weight"), _joined(parts, "bias")
        self._settings = one.stride, one.padding, one.dilation, one.groups * len(parts)

    def forward(self, images: Tensor) -> Tensor:
        return functional.conv2d(images, self.weight, self.bias, *self._settings)  # type: ignore[arg-type]


class _BatchNorm(nn.Module):
    """Batch norms side by side."""

    def __init__(self, parts: Sequence[nn.BatchNorm2d]) -> None:
        super().__init__()
        one = parts[0]
        if one.momentum is None:
            raise ValueError("batch norms with cumulative averages cannot be stacked")
        self.weight, self.bias = _joined(parts, "weight"), _joined(parts, "bias")
        self.running_mean, self.running_var = _joined(parts, "running_mean"), _joined(parts, "running_var")
        self._counts = [part.num_batches_tracked for part in parts if part.num_batches_tracked is not None]
        self._momentum, self._eps = one.momentum, one.eps

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            torch._foreach_add_(self._counts, 1)
        training = self.training or self.running_mean is None
        return functional.batch_norm(
            images, self.running_mean, self.running_var, self.weight, self.bias, training, self._momentum, self._eps
        )


class _Linear(nn.Module):
    """Linear layers side by side: a batched product, from float[B, N * D] to float[B, N, K]."""

    def __init__(self, parts: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.count = len(parts)
        self.weight, self.bias = _joined(parts, "weight"), _joined(parts, "bias")

    def forward(self, features: Tensor) -> Tensor:
        inputs = features.view(len(features), self.count, -1).transpose(0, 1)
        weight = self.weight.view(self.count, -1, inputs.shape[-1]).transpose(1, 2)
        outputs = torch.bmm(inputs, weight)
        if self.bias is not None:
            outputs = outputs + self.bias.view(self.count, 1, -1)
        return outputs.transpose(0, 1)


STACKED: dict[type, Callable[[Any], nn.Module]] = {
    nn.Conv2d: _Convolution,
    nn.BatchNorm2d: _BatchNorm,
    nn.Linear: _Linear,
}


@torch.no_grad()
def _joined(parts: Sequence[nn.Module], name: str) -> Any:
    """The tensors of this name, one after the other, of which the parts hold views from then on; None if they have none."""
    held = [getattr(part, name) for part in parts]
    if held[0] is None:
        return None
    joined = torch.cat([tensor.detach() for tensor in held])
    if held[0].ndim == 4:
        joined = joined.contiguous(memory_format=torch.channels_last)
    for tensor, view in zip(held, joined.split(len(held[0])), strict=True):
        tensor.data = view
    return nn.Parameter(joined, requires_grad=held[0].requires_grad) if isinstance(held[0], nn.Parameter) else joined
