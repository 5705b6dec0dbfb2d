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
from noisylab.models.small_maps import convolve, pays, pool

# The longest vectors of processors, in bytes.
VECTOR = 64


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
        if type(one).pool is Backbone.pool:
            self.network.pool = pool  # type: ignore[method-assign]

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
            elif callable(stacked := getattr(child, "stacked", None)):
                # Layers that move channels say themselves what becomes of the channels of several networks.
                setattr(module, name, stacked(self.count))
                self._replace(getattr(module, name), parts)
            else:
                _check_own(child)
                self._replace(child, parts)


def check_stackable(make: Callable[[], Backbone], shape: Sequence[int]) -> None:
    """Raise ValueError unless stacked networks compute what they do alone, from images [C, H, W] and without random numbers."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        networks = [make().eval() for _ in range(2)]
        images = torch.rand(2, 2, *shape)
        alone = torch.stack([network(each) for network, each in zip(networks, images, strict=True)])
        stacked = StackedNetwork(networks).eval()
        if not torch.allclose(stacked(images), alone, rtol=1e-3, atol=1e-3 * float(alone.abs().max())):
            raise ValueError("a layer of this network mixes the channels of stacked networks, so that they cannot be stacked")
        before = torch.get_rng_state()
        stacked.train()(images)
        if not torch.equal(before, torch.get_rng_state()):
            raise ValueError(
                "networks that draw random numbers cannot be stacked, because their draws would depend on the others"
            )


def check_places(make: Callable[[], Backbone], shape: Sequence[int], count: int, batch_size: int, device: torch.device) -> None:
    """Raise ValueError unless a network gets the same bits in the first and in the last of `count` places, beside others."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        networks = [make().to(device, memory_format=torch.channels_last) for _ in range(3)]  # type: ignore[call-overload]
        images = torch.rand(3, batch_size, *shape).to(device)
    found = []
    for order in ([0, *[1] * (count - 1)], [*[2] * (count - 1), 0]):
        stacked = StackedNetwork([copy.deepcopy(networks[which]) for which in order])
        found.append(_step(stacked, images[order]))
    if not all(torch.equal(first[0], last[-1]) for first, last in zip(*found, strict=True)):
        raise ValueError(
            f"in a stack of {count}, what this network computes on this processor depends on its place in the last bit; "
            "take a stack of 8 or 16, or none"
        )


def _step(stacked: StackedNetwork, images: Tensor) -> list[tuple[Tensor, ...]]:
    """The logits and gradients of a step, each as a tuple of the networks' parts."""
    logits = stacked(images)
    (logits**2).sum().backward()
    gradients = [weights.grad for weights in stacked.parameters() if weights.grad is not None]
    return [tuple(logits.detach().unbind()), *(tuple(gradient.chunk(stacked.count)) for gradient in gradients)]


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
        of_one = one.kernel_size, one.padding, one.stride, one.dilation, one.groups, one.bias
        self._plain = of_one == ((3, 3), (1, 1), (1, 1), (1, 1), 1, None)

    def forward(self, images: Tensor) -> Tensor:
        groups = self._settings[-1]
        if self._plain and pays(images, self.weight, groups):
            return convolve(images, self.weight, groups)
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
        values = self.running_mean, self.running_var, self.weight, self.bias
        channels = images.shape[1]
        extra = -channels % (VECTOR // images.element_size())
        if not extra or images.device.type != "cpu":
            return self._normalised(images, *values)
        # The last channels that fill no vector are computed in another way, which can change the last bit.
        mean, variance, weight, bias = (None if each is None else functional.pad(each, (0, extra)) for each in values)
        normalised = self._normalised(functional.pad(images, (0, 0, 0, 0, 0, extra)), mean, variance, weight, bias)
        if mean is not None and variance is not None:
            self.running_mean.copy_(mean[:channels])
            self.running_var.copy_(variance[:channels])
        return normalised[:, :channels]

    def _normalised(
        self, images: Tensor, mean: Tensor | None, variance: Tensor | None, weight: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        training = self.training or mean is None
        return functional.batch_norm(images, mean, variance, weight, bias, training, self._momentum, self._eps)


class _Linear(nn.Module):
    """Linear layers side by side: a batched product, from float[B, N * D] to float[B, N, K].

    The bias is a further column of the weights, and both sides are filled up with zeros, so that every matrix begins where the
    processor's vectors do: what a product, or a sum of gradients, comes to can depend on that in the last bit.
    """

    def __init__(self, parts: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.count, self.outputs = len(parts), parts[0].out_features
        self.weight, self.bias = _joined(parts, "weight"), _joined(parts, "bias")

    def forward(self, features: Tensor) -> Tensor:
        inputs = features.view(len(features), self.count, -1).transpose(0, 1)
        weight = self.weight.view(self.count, self.outputs, -1)
        if self.bias is not None:
            inputs = functional.pad(inputs, (0, 1), value=1.0)
            weight = torch.cat([weight, self.bias.view(self.count, self.outputs, 1)], dim=2)
        columns = -weight.shape[2] % (VECTOR // 2)
        weight = functional.pad(weight, (0, columns, 0, -self.outputs % (VECTOR // 2)))
        inputs = functional.pad(inputs, (0, columns)).contiguous()
        return torch.bmm(inputs, weight.transpose(1, 2))[:, :, : self.outputs].transpose(0, 1)


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
    for tensor, view in zip(held, torch.split(joined, len(held[0])), strict=True):
        tensor.data = view
    return nn.Parameter(joined, requires_grad=held[0].requires_grad) if isinstance(held[0], nn.Parameter) else joined
