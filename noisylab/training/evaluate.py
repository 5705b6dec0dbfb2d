"""Evaluation: logits of whole image arrays, without augmentation."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noisylab.data.augment import Normalise
from noisylab.methods.base import Method


class Evaluator:
    """Images uint8[N, C, H, W] kept on the device of a method, to be evaluated again and again in batches of `batch_size`."""

    def __init__(
        self, images: NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...], batch_size: int = 512
    ) -> None:
        self._images, self._statistics, self.batch_size = torch.from_numpy(images), (mean, std), batch_size

    @torch.no_grad()
    def logits(self, method: Method) -> Tensor:
        """float32[N, K] in evaluation mode, on the device of the method; the method is left in the mode it was in."""
        device = next(method.parameters()).device
        self._images = self._images.to(device)
        normalise = Normalise(*self._statistics, device)
        training = method.training
        method.eval()
        parts = [
            method(normalise(batch).contiguous(memory_format=torch.channels_last)).float()
            for batch in torch.split(self._images, self.batch_size)
        ]
        method.train(training)
        return torch.cat(parts)
