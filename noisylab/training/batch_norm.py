"""Batch norm with the statistics of all processes."""

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from noisylab.core.distributed import processes


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Like nn.SyncBatchNorm, which supports CUDA only: mean and variance over all processes, which have equal shares.

    It takes two reductions, because the variance from the mean of squares would lose digits.
    """

    def forward(self, images: Tensor) -> Tensor:
        """float[B, C, H, W], normalised per channel."""
        if not self.training:
            return super().forward(images)
        dims, shape = (0, 2, 3), (1, -1, 1, 1)
        # Means over all entries need more digits than 16-bit floats have.
        wide = images.to(torch.promote_types(images.dtype, torch.float32))
        mean = _mean_over_processes(wide.mean(dims))
        centred = wide - mean.view(shape)
        variance = _mean_over_processes(centred.square().mean(dims))
        count = wide.numel() // wide.shape[1] * processes()
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scaled = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(images.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics, with the unbiased variance."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def _mean_over_processes(values: Tensor) -> Tensor:
    """The mean of the values of all processes, with gradient."""
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total / processes()


def synchronise_batch_norm(method: nn.Module, device: torch.device) -> None:
    """Replace every batch norm in a method by one with statistics over all processes.

    Raises ValueError for a batch norm that is not nn.BatchNorm2d.
    """
    for name, module in list(method.named_modules()):
        if not isinstance(module, nn.modules.batchnorm._BatchNorm):
            continue
        if type(module) is not nn.BatchNorm2d:
            raise ValueError(f"sync_batch_norm supports only nn.BatchNorm2d; {name} is a {type(module).__name__}")
        parent, _, own = name.rpartition(".")
        convert = nn.SyncBatchNorm.convert_sync_batchnorm if device.type == "cuda" else _synced
        made = convert(module)
        setattr(method.get_submodule(parent), own, made)


def _synced(module: nn.BatchNorm2d) -> SyncedBatchNorm2d:
    """The same batch norm, parameters and running statistics, with batch statistics over all processes."""
    made = SyncedBatchNorm2d(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
    made.weight, made.bias = module.weight, module.bias
    made.running_mean, made.running_var = module.running_mean, module.running_var
    made.num_batches_tracked = module.num_batches_tracked
    return made.train(module.training)
