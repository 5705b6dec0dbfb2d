"""torchvision's policies of many operations, after the usual crop and flip."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from noisylab.core.checks import Bound, NonNegativeInt, PositiveInt
from noisylab.core.registries import AUGMENTATIONS
from noisylab.data.augmentations.crop import AfterCrop


class _Policy(AfterCrop):
    """Crop and flip, then a torchvision transform, drawn separately for every image."""

    transform: Any

    def after(self, images: Tensor, own: Tensor) -> Tensor:
        """uint8[B, C, H, W]. The transforms treat a batch as one image, so each image is transformed alone."""
        with torch.random.fork_rng(devices=[]):
            done = []
            for image, seed in zip(images, own[:, 0].tolist(), strict=True):
                torch.default_generator.manual_seed(seed)
                done.append(self.transform(image))
        return torch.stack(done)


@AUGMENTATIONS.register("autoaugment", main="policy")
class AutoAugment(_Policy):
    """Crop and flip, then a pair of operations of a learnt policy: cifar10, svhn or imagenet (Cubuk et al., CVPR 2019)."""

    def __init__(
        self, policy: Literal["cifar10", "imagenet", "svhn"] = "cifar10", padding: NonNegativeInt = 4, flip: bool = True
    ) -> None:
        from torchvision.transforms import AutoAugmentPolicy, v2

        super().__init__(padding, flip)
        self.transform = v2.AutoAugment(AutoAugmentPolicy(policy))


@AUGMENTATIONS.register("randaugment", main="magnitude")
class RandAugment(_Policy):
    """Crop and flip, then `operations` of 14 drawn at random, all of one magnitude (Cubuk et al., NeurIPS 2020)."""

    def __init__(
        self,
        magnitude: Annotated[int, Bound(ge=0, le=30)] = 9,
        operations: PositiveInt = 2,
        padding: NonNegativeInt = 4,
        flip: bool = True,
    ) -> None:
        from torchvision.transforms import v2

        super().__init__(padding, flip)
        self.transform = v2.RandAugment(operations, magnitude)


@AUGMENTATIONS.register("trivialaugment")
class TrivialAugment(_Policy):
    """Crop and flip, then one operation of a random magnitude (Mueller and Hutter, ICCV 2021)."""

    def __init__(self, padding: NonNegativeInt = 4, flip: bool = True) -> None:
        from torchvision.transforms import v2

        super().__init__(padding, flip)
        self.transform = v2.TrivialAugmentWide()
