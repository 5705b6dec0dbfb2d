"""Evaluation: logits of whole image arrays, without augmentation, and what they predict."""

import torch
from torch import Tensor, nn

from noisylab.data.augmentations.crop import Normalise
from noisylab.data.batches.image_source import all_in_order, on_device
from noisylab.data.streaming import Images

# Images and pixels of a batch on a CPU: with fewer, starting the kernels takes longer than their work (digits in one batch
# instead of four: 0.75 times as long); with many more, activations leave the caches.
LEAST, PIXELS = 64, 2**15


class Evaluator:
    """Evaluates networks on images uint8[N, C, H, W], which stay on the device unless they are streamed."""

    def __init__(self, images: Images, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self._images, self._statistics = on_device(images, torch.device("cpu")), (mean, std)

    @torch.no_grad()
    def logits(self, method: nn.Module) -> Tensor:
        """The logits float32[N, K] in evaluation mode, on the method's device. The method keeps its mode."""
        device = next(method.parameters()).device
        if isinstance(self._images, Tensor):
            self._images = self._images.to(device)
        normalise = Normalise(*self._statistics, device)
        height, width = self._images.shape[2:]
        batch_size = max(LEAST, PIXELS // (height * width)) if device.type == "cpu" else 512
        training = method.training
        method.eval()
        with torch.inference_mode():
            parts = [
                method(normalise(batch).contiguous(memory_format=torch.channels_last)).float()
                for batch in all_in_order(self._images, batch_size, device)
            ]
        method.train(training)
        # Outside, so that a loss can use them.
        return torch.cat(parts)


def predicted(logits: Tensor) -> Tensor:
    """The predicted classes int64[N]; -1, which is no label, for a sample whose logits [N, K] are not all finite."""
    return torch.where(logits.isfinite().all(dim=1), logits.argmax(dim=1), -1)
