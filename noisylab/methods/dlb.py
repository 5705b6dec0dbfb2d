"""DLB: self-distillation from the last mini-batch (Shen et al., CVPR 2022)."""

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, checked
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, RunInfo, Step
from noisylab.methods.losses import distillation, given_targets
from noisylab.methods.memory import Memory

ADVICE = (
    "take batches of LastBatchSampler, all of an epoch; if the sampler was iterated before, or an epoch was left early, "
    "call sampler.set_epoch(epoch) and criterion.reset()"
)


def dlb_loss(logits: Tensor, labels: Tensor, remembered: Tensor, *, temperature: float, alpha: float) -> Tensor:
    """CE over the whole batch + alpha T^2 KL(remembered || repeated) over its first len(remembered) entries.

    Args:
        logits: float[B, K].
        labels: int64[B], or shares of classes float[B, K].
        remembered: float[R, K], the logits that the repeated entries had one step before; R may be 0.
        temperature: T.
        alpha: Weight of the distillation.

    Returns:
        The scalar loss.

    Example:
        >>> logits, labels = torch.zeros(4, 10), torch.tensor([0, 1, 2, 3])
        >>> round(dlb_loss(logits, labels, logits[:2], temperature=3.0, alpha=1.0).item(), 4)  # equal predictions: log 10
        2.3026

    Source:
        Shen et al., CVPR 2022.
    """
    loss = functional.cross_entropy(logits, labels)
    if len(remembered) == 0 or alpha == 0:
        return loss
    return loss + alpha * distillation(logits[: len(remembered)], remembered, temperature=temperature)


class DLBLoss(Memory):
    """`dlb_loss` with its memory, for any training loop over `LastBatchSampler` batches [repeated half, new half].

    The memory holds the logits of the last batch's new half. It is part of `state_dict()`, and every process has its own.

    Args:
        temperature: T, above 0.
        alpha: Weight of the distillation, 0 or more; 0 is cross-entropy.

    Raises:
        ValueError: For a temperature or an alpha outside its interval.

    Example:
        >>> criterion = DLBLoss(temperature=3.0, alpha=1.0)
        >>> logits, labels = torch.randn(4, 10, requires_grad=True), torch.tensor([1, 2, 3, 4])
        >>> criterion(logits, labels).backward()  # the first batch: cross-entropy alone

    Source:
        Shen et al., CVPR 2022: CE + alpha T^2 KL(last step's prediction || this step's).
    """

    remembered: Tensor
    remembered_index: Tensor

    @checked
    def __init__(self, temperature: Positive = 3.0, alpha: NonNegative = 1.0) -> None:
        super().__init__()
        self.temperature, self.alpha = temperature, alpha
        self.remember(remembered=torch.empty(0, 0), remembered_index=torch.empty(0, dtype=torch.int64))

    def forward(self, logits: Tensor, labels: Tensor, index: Tensor | None = None) -> Tensor:
        """The scalar loss of a batch that starts with the remembered entries. Remembers the other entries.

        In evaluation mode it is cross-entropy alone, and the memory does not change.

        Args:
            logits: float[B, K].
            labels: int64[B]; for mixed images shares of classes float[B, K] (mix the repeated half as when it was new).
            index: int64[B] sample ids, or None. Checking a CUDA tensor waits for the device.

        Raises:
            ValueError: If the batch is not larger than the memory, or does not start with the remembered samples.
        """
        if not self.training:
            return functional.cross_entropy(logits, labels)
        repeated = len(self.remembered)
        if repeated and (len(logits) <= repeated or logits.shape[1] != self.remembered.shape[1]):
            raise ValueError(
                f"a batch of logits {list(logits.shape)} cannot begin with the {repeated} remembered entries of "
                f"{self.remembered.shape[1]} classes and hold new ones; {ADVICE}"
            )
        if index is not None and len(index) != len(logits):
            raise ValueError(f"index must name every entry of the batch, got {len(index)} for {len(logits)} logits")
        if repeated and (index is None) != (len(self.remembered_index) == 0):
            raise ValueError("index must be given with every batch or with none, unlike in the batch before")
        if repeated and index is not None:
            self._check(index, repeated)
        loss = dlb_loss(logits, labels, self.remembered, temperature=self.temperature, alpha=self.alpha)
        self.remembered = logits[repeated:].detach().clone()
        self.remembered_index = self.remembered_index.new_empty(0) if index is None else index[repeated:].clone()
        return loss

    def reset(self) -> None:
        """Forget the last batch."""
        self.remembered = self.remembered.new_empty(0, 0)
        self.remembered_index = self.remembered_index.new_empty(0)

    def _check(self, index: Tensor, repeated: int) -> None:
        remembered = self.remembered_index
        if not torch.equal(index[:repeated].to(remembered.device), remembered):
            raise ValueError(
                f"the batch must begin with the samples of the last batch's new half, {remembered[:8].tolist()}..., "
                f"got {index[: min(repeated, 8)].tolist()}...; {ADVICE}"
            )


@METHODS.register("dlb")
class DLB(Method):
    """CE + alpha T^2 KL(last step's prediction || this step's) on the repeated half of the batch (Shen et al., CVPR 2022).

    Args:
        temperature: T.
        alpha: weight of the distillation.
        two_forward: pass the two halves through the network separately, so that batch norm sees two batches, as in the public
            code, whose batch size is half of the one here.
    """

    composition = "last"
    supports_mixed_images = True
    target_update = "batch"

    def __init__(
        self, run: RunInfo, *, temperature: Positive = 3.0, alpha: NonNegative = 1.0, two_forward: bool = False
    ) -> None:
        super().__init__(run)
        self.criterion, self.two_forward = DLBLoss(temperature, alpha), two_forward

    def loss(self, batch: Batch) -> Step:
        """Loss and logits of [the last batch's new half, a new half]."""
        repeated = batch.new.start
        if not (self.two_forward and repeated):
            return super().loss(batch)
        logits = torch.cat([self.network(images) for images in batch.images.tensor_split([repeated])])
        return Step(self.loss_from_logits(logits, batch), logits)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`dlb_loss` with the remembered predictions of the last batch's new half."""
        loss: Tensor = self.criterion(logits, given_targets(batch, logits))
        return loss
