"""DLB: self-distillation from the last mini-batch (Shen et al., CVPR 2022)."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, SpecText, checked
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo, Step
from noisylab.methods.composed import Composed
from noisylab.methods.losses import distillation
from noisylab.methods.memory import Memory
from noisylab.methods.provenance import Provenance, Recipe

ADVICE = "take batches of LastBatchSampler in its order; after sampler.set_epoch(epoch), call reset()"


def dlb_loss(
    logits: Tensor,
    labels: Any,
    remembered: Tensor,
    *,
    temperature: float,
    alpha: float,
    base: Callable[[Tensor, Any], Tensor] = functional.cross_entropy,
) -> Tensor:
    """CE over the whole batch + alpha T^2 KL(remembered || repeated) over its first len(remembered) entries.

    Args:
        logits: float[B, K].
        labels: int64[B], or shares of classes float[B, K], or what `base` takes.
        remembered: float[R, K], the logits that the repeated entries had one step before; R may be 0.
        temperature: T.
        alpha: Weight of the distillation.
        base: `base(logits, labels)`, the scalar loss in place of CE.

    Returns:
        The scalar loss.

    Example:
        >>> logits, labels = torch.zeros(4, 10), torch.tensor([0, 1, 2, 3])
        >>> round(dlb_loss(logits, labels, logits[:2], temperature=3.0, alpha=1.0).item(), 4)  # equal predictions: log 10
        2.3026

    Source:
        Shen et al., CVPR 2022.
    """
    loss = base(logits, labels)
    if len(remembered) == 0 or alpha == 0:
        return loss
    return loss + alpha * distillation(logits[: len(remembered)], remembered, temperature=temperature)


class DLBLoss(Memory):
    """`dlb_loss` with its memory, for any training loop over `LastBatchSampler` batches [repeated half, new half].

    The memory holds the logits of the last batch's new half. It is part of `state_dict()`, and every process has its own. If
    sample ids are given, a batch that does not begin with the remembered samples starts a new sequence with cross-entropy alone
    (after an epoch that was left early, or with a sampler that was iterated before). Two such batches in a row are an error.

    Args:
        temperature: T, above 0.
        alpha: Weight of the distillation, 0 or more; 0 is cross-entropy.
        base: `base(logits, labels)`, the scalar loss of all entries in place of cross-entropy, such as
            `torch.nn.CrossEntropyLoss(label_smoothing=0.1)`; None: cross-entropy.

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
    def __init__(
        self, temperature: Positive = 3.0, alpha: NonNegative = 1.0, base: Callable[[Tensor, Any], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.base = functional.cross_entropy if base is None else base
        self.temperature, self.alpha = temperature, alpha
        self.remember(remembered=torch.empty(0, 0), remembered_index=torch.empty(0, dtype=torch.int64))
        # Whether the last batch repeated nothing (then only part of it may be a new half), and whether it should have.
        self.remember(remembers_whole_batch=0, began_anew=0)

    def forward(self, logits: Tensor, labels: Any, index: Tensor | None = None) -> Tensor:
        """The scalar loss of a batch that starts with the remembered entries. Remembers the other entries.

        In evaluation mode it is the base loss alone, and the memory does not change.

        Args:
            logits: float[B, K].
            labels: int64[B]; for mixed images shares of classes float[B, K] (mix the repeated half as when it was new); or what
                `base` takes.
            index: int64[B], sample ids; None: trust the order of the batches. Comparing ids on CUDA waits for the device.

        Raises:
            ValueError: If the logits have not two dimensions, if the batch is too small for the remembered entries and new
                ones, or if it begins with other samples for the second time in a row.
        """
        if logits.ndim != 2:
            raise ValueError(f"logits must be float[B, K], got shape {tuple(logits.shape)}")
        if not self.training:
            return self.base(logits, labels)
        held = len(self.remembered)
        if index is not None and len(index) != len(logits):
            raise ValueError(f"index must name every entry of the batch, got {len(index)} for {len(logits)} logits")
        if held and (index is None) != (len(self.remembered_index) == 0):
            raise ValueError("index must be given with every batch or with none, unlike in the batch before")
        if held and logits.shape[1] != self.remembered.shape[1]:
            raise ValueError(f"logits must have {self.remembered.shape[1]} classes, like the last batch, got {logits.shape[1]}")
        repeated = self._repeated(index, len(logits))
        taught = self.remembered[held - repeated :]
        loss = dlb_loss(logits, labels, taught, temperature=self.temperature, alpha=self.alpha, base=self.base)
        self.remembers_whole_batch, self.began_anew = int(not repeated), int(bool(held) and not repeated)
        self.remembered = logits[repeated:].detach().clone()
        self.remembered_index = self.remembered_index.new_empty(0) if index is None else index[repeated:].clone()
        return loss

    def reset(self) -> None:
        """Forget the last batch."""
        self.remembered = self.remembered.new_empty(0, 0)
        self.remembered_index = self.remembered_index.new_empty(0)
        self.remembers_whole_batch = self.began_anew = 0

    def _repeated(self, index: Tensor | None, entries: int) -> int:
        """The number of entries at the start of the batch that repeat the last remembered ones; 0 for a new sequence."""
        held, remembered = len(self.remembered), self.remembered_index
        if index is None or not held:
            if held and entries <= held:
                # Without ids, the half that a sampler repeats from the epoch before looks new.
                raise ValueError(
                    f"a batch of {entries} cannot begin with the {held} remembered entries and hold new ones; take batches of "
                    "LastBatchSampler in its order; after set_epoch(0), call reset(); in later epochs, pass index (sample ids)"
                )
            return held
        index = index.to(remembered.device)
        largest = min(held, entries - 1)
        # At the start of an epoch the new half is the larger one, because only the last batch of an epoch may be short.
        for size in range(largest, (held - 1) // 2, -1) if self.remembers_whole_batch else [held] * (held == largest):
            if torch.equal(index[:size], remembered[held - size :]):
                return size
        if self.began_anew:
            raise ValueError(
                f"the batch must begin with the samples of the last batch's new half, {remembered[-8:].tolist()}, "
                f"got {index[:8].tolist()}, for the second time in a row; {ADVICE}"
            )
        return 0


@METHODS.register("dlb")
class DLB(Composed):
    """CE + alpha T^2 KL(last step's prediction || this step's) on the repeated half of the batch (Shen et al., CVPR 2022).

    Args:
        temperature: T.
        alpha: Weight of the distillation.
        two_forward: Pass the two halves through the network separately, so that batch norm sees two batches, as in the public
            code, whose batch size is half of the one here.
        on: Spec of the loss of all entries in place of CE. If it remembers samples (elr), it sees each twice an epoch, and its
            memory moves at every presentation: a momentum of beta is beta^2 per epoch.
    """

    composition = "last"
    target_update = "batch"
    provenance = Provenance(
        "paper",
        numbers={
            "temperature": "paper",
            "alpha": "paper",
            "two_forward": "ours: one forward pass, as in the paper's text",
            "on": "paper",
        },
        deviations=(
            "batch_size counts both halves; the public code's counts one (--budget updates)",
            "one forward pass over both halves; the public code takes two (two_forward=True)",
            "on other losses than cross-entropy it is ours (on)",
        ),
        published="CIFAR-10: 0.37 to 1.01 points less error than CE, best epochs; not run here",
    )
    recipe: ClassVar[Mapping[str, Recipe]] = {
        "default": Recipe("code, CIFAR", optimizer="sgd", learning_rate=0.05, momentum=0.9, weight_decay=5e-4),
    }

    def __init__(
        self,
        run: RunInfo,
        *,
        temperature: Positive = 3.0,
        alpha: NonNegative = 1.0,
        two_forward: bool = False,
        on: SpecText = "ce",
    ) -> None:
        super().__init__(run, on)
        # The base takes the batch in place of labels.
        self.criterion, self.two_forward = DLBLoss(temperature, alpha, self.supervised), two_forward

    def loss(self, batch: Batch) -> Step:
        """Loss and logits of [the last batch's new half, a new half]."""
        repeated = batch.new.start
        if not (self.two_forward and repeated):
            return super().loss(batch)
        logits = torch.cat([self.network(images) for images in batch.images.tensor_split([repeated])])
        loss = self.loss_from_logits(logits, batch)
        return Step(loss, logits, self.selected)

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """`dlb_loss` on the base, with the remembered predictions of the last batch's new half."""
        loss: Tensor = self.criterion(logits, batch)
        return loss
