"""Mixup inside a method, for those that mix images with targets of their own."""

import torch
from torch import Tensor
from torch.distributions import Beta


def mixup(images: Tensor, targets: Tensor, *, alpha: float) -> tuple[Tensor, Tensor]:
    """The images l x + (1 - l) x' and such targets, with one l = max(l, 1 - l) from Beta(alpha, alpha) for the batch.

    x' is another entry of the batch.

    Args:
        images: float[B, C, H, W].
        targets: float[B, D].
        alpha: Both parameters of the distribution.

    Returns:
        The mixed images and targets. All draws are from the default generators, on the device, so that nothing waits for it.

    Example:
        >>> import torch
        >>> from noisylab.methods.mixup import mixup
        >>> images, targets = mixup(torch.zeros(4, 1, 8, 8), torch.eye(4), alpha=1.0)
        >>> bool((targets.diagonal() >= 0.5).all())
        True

    Source:
        Zhang et al., ICLR 2018; l >= 1/2 as in MixMatch, Berthelot et al., NeurIPS 2019.
    """
    both = torch.full((), alpha, device=images.device)
    # Checking the parameters would wait.
    share = Beta(both, both, validate_args=False).sample()
    share = torch.maximum(share, 1 - share)
    partner = torch.randperm(len(images), device=images.device)
    mixed_images, mixed_targets = (share * each + (1 - share) * each.index_select(0, partner) for each in (images, targets))
    return mixed_images, mixed_targets
