"""DLB: self-distillation from the last mini-batch (Shen et al., CVPR 2022)."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from noisylab.core.checks import NonNegative, Positive, SpecText, checked, shown
from noisylab.core.outputs import check_logits
from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import RunInfo, Step
from noisylab.methods.composed import Composed
from noisylab.methods.losses import distillation
from noisylab.methods.memory import Memory
from noisylab.methods.provenance import Provenance, Recipe

WAY_OUT = (
    "take the batches of LastBatchSampler in its order, each process from a loader of its own: not one that a trainer shares "
    "out again (leave it out of Accelerate's prepare), reorders, or joins from several batches; for a loss of "
    "validation, call eval() first"
)
# On an accelerator, comparing waits for the device, so it is done in the first steps, when the size of batches changes, and
# then once in so many steps.
FIRST_STEPS, INTERVAL = 3, 100


def dlb_loss(
    logits: Tensor,
    labels: Any,
    remembered: Tensor,
    *,
    temperature: float,
    alpha: float,
    base: Callable[[Tensor, Any], Tensor] = functional.cross_entropy,
    counts: Tensor | None = None,
) -> Tensor:
    """CE over the whole batch + alpha T^2 KL(remembered || repeated) over its first len(remembered) entries.

    Args:
        logits: float[B, K], or [B, K, ...] with positions, over which the divergence is averaged like cross-entropy.
        labels: int64[B], or [B, ...]; or shares of classes float[B, K], or what `base` takes.
        remembered: float[R, K] or [R, K, ...], the logits that the repeated entries had one step before; R may be 0. Rows that
            are not finite are left out.
        temperature: The temperature T.
        alpha: Weight of the distillation.
        base: `base(logits, labels)`, the scalar loss in place of CE.
        counts: bool[R] or [R, ...], the repeated entries or positions that are distilled; None: all.

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
    student, teacher = logits[: len(remembered)], remembered
    among = _distilled(remembered, counts)
    if logits.ndim > 2:
        student, teacher = (z.movedim(1, -1).flatten(0, -2) for z in (student, teacher))
        among = None if among is None else among.flatten()
    return loss + alpha * distillation(student, teacher, temperature=temperature, counts=among)


def _distilled(remembered: Tensor, counts: Tensor | None) -> Tensor | None:
    """bool[R] or [R, ...], the entries or positions that are distilled; None: all, if reading that costs no wait."""
    everything = _reads_at_once(remembered) and (counts is None or bool(counts.all()))
    if everything and math.isfinite(remembered.sum().item()):
        return None
    finite = remembered.isfinite().all(dim=1)
    return finite if counts is None else finite & counts


def _reads_at_once(values: Tensor) -> bool:
    """Whether reading a value does not wait for a device."""
    return values.device.type == "cpu"


class DLBLoss(Memory):
    """`dlb_loss` with its memory, for any training loop over `LastBatchSampler` batches [repeated half, new half].

    The memory holds the logits of the last batch's new half, and its sample ids or labels. It is part of `state_dict()`, and
    every process has its own. A batch that does not begin with the remembered samples starts a new sequence with the base loss
    alone (after an epoch that was left early, or with a sampler that was iterated before). Two such batches in a row are an
    error: on a CPU at once, on an accelerator within 100 steps, which distil nothing meanwhile.

    Args:
        temperature: T, above 0.
        alpha: Weight of the distillation, 0 or more; 0 is the base loss, the control of DLB on the same batches.
        base: `base(logits, labels)`, the scalar loss of all entries in place of cross-entropy, such as
            `torch.nn.CrossEntropyLoss(label_smoothing=0.1)`; None: cross-entropy.
        ignore_index: Entries or positions with this label are not distilled. None: the `ignore_index` of `base`, or -100 if it
            has none. `base` must leave them out itself.

    Raises:
        ValueError: For a temperature or an alpha outside its interval, or a base that cannot be called.

    Example:
        >>> criterion = DLBLoss(temperature=3.0, alpha=1.0)
        >>> logits, labels = torch.randn(4, 10, requires_grad=True), torch.tensor([1, 2, 3, 4])
        >>> criterion(logits, labels).backward()  # the first batch: cross-entropy alone

    Source:
        Shen et al., CVPR 2022: CE + alpha T^2 KL(last step's prediction || this step's).
    """

    remembered: Tensor
    remembered_key: Tensor

    @checked
    def __init__(
        self,
        temperature: Positive = 3.0,
        alpha: NonNegative = 1.0,
        base: Callable[[Tensor, Any], Tensor] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        if base is not None and not callable(base):
            raise ValueError(f"base must be a function or module of (logits, labels), got {shown(base)}; None is cross-entropy")
        self.base = functional.cross_entropy if base is None else base
        self.temperature, self.alpha = temperature, alpha
        self.ignore_index = getattr(base, "ignore_index", -100) if ignore_index is None else ignore_index
        # The key says who the remembered entries are: their ids if those are given, else their labels.
        self.remember(remembered=torch.empty(0, 0), remembered_key=torch.empty(0, dtype=torch.int64), key_is_index=0)
        # Whether the last batch repeated nothing (then only part of it may be a new half), and whether it should have.
        self.remember(remembers_whole_batch=0, began_anew=0)
        self._steps = self._entries = 0
        # Batches in a row that began with others, and the most so far, counted on the device.
        self._astray: Tensor | None = None
        self._most_astray: Tensor | None = None

    def forward(self, logits: Tensor, labels: Any, index: Tensor | ArrayLike | None = None) -> Tensor:
        """The scalar loss of a batch that starts with the remembered entries. Remembers the other entries.

        In evaluation mode it is the base loss alone, and the memory does not change.

        Args:
            logits: float[B, K]; or float[B, K, ...] with positions, as in segmentation.
            labels: int64[B], or [B, ...] with positions; for mixed images shares of classes float[B, K] (mix the repeated half
                as when it was new); or what `base` takes.
            index: int[B], sample ids, the surest way to tell samples apart; a tensor, an array or a list. None: they are told
                apart by their labels.

        Raises:
            ValueError: If logits have no dimension of classes, have it last, or are probabilities; if index holds no integers;
                if shapes do not fit the remembered ones; or if the batch begins with others for the second time in a row.
        """
        if not self.training:
            return self.base(logits, labels)
        ids = None if index is None else _as_ids(index)
        self._check(logits, labels, ids)
        key = ids if ids is not None else labels if isinstance(labels, Tensor) else None
        # A copy to the device does not wait for it.
        key = None if key is None else key.detach().to(logits.device, non_blocking=logits.device.type == "cuda")
        repeated, counts = self._compare(logits, key)
        # A state that was loaded is on the CPU if this module was never moved.
        taught = self.remembered[len(self.remembered) - repeated :].to(logits.device)
        if isinstance(labels, Tensor) and not labels.is_floating_point():
            known = labels[:repeated] != self.ignore_index
            counts = known if counts is None else known & counts
        loss = dlb_loss(logits, labels, taught, temperature=self.temperature, alpha=self.alpha, base=self.base, counts=counts)
        if loss.ndim:
            raise ValueError(
                f"base must give one number, the mean over the batch, got shape {list(loss.shape)} (reduction='mean')"
            )
        # At once, because every assignment to an attribute of a module takes a search for parameters and submodules.
        vars(self).update(
            remembers_whole_batch=int(not repeated),
            began_anew=int(len(self.remembered) > 0 and not repeated),
            remembered=logits[repeated:].detach().clone(),
            remembered_key=self.remembered_key.new_empty(0) if key is None else key[repeated:].clone(),
            key_is_index=int(index is not None),
            _steps=self._steps + 1,
            _entries=len(logits),
        )
        return loss

    def reset(self) -> None:
        """Forget the last batch."""
        self.remembered = self.remembered.new_empty(0, 0)
        self.remembered_key = torch.empty(0, dtype=torch.int64, device=self.remembered.device)
        self.remembers_whole_batch = self.began_anew = self.key_is_index = 0
        self._steps, self._astray, self._most_astray = 0, None, None

    def _check(self, logits: Tensor, labels: Any, index: Tensor | None) -> None:
        """Raise ValueError for shapes that do not fit each other or the memory, and for probabilities in the first step."""
        if logits.ndim < 2 or (logits.shape[1] == 1 and isinstance(labels, Tensor)):
            raise ValueError(
                f"logits must be float[B, K] or float[B, K, ...] with 2 classes or more, got shape {tuple(logits.shape)}; of a "
                "single output, binary_logits (from noisylab.recording) makes the logits of two classes"
            )
        if (
            logits.ndim > 2
            and isinstance(labels, Tensor)
            and labels.shape not in (logits.shape, logits.shape[:1] + logits.shape[2:])
        ):
            last = "; the classes stand last, so pass logits.movedim(-1, 1)" if labels.shape == logits.shape[:-1] else ""
            raise ValueError(
                f"labels must have the shape {(len(logits), *logits.shape[2:])} for logits of shape {tuple(logits.shape)}, "
                f"whose dimension 1 is that of the classes, got {tuple(labels.shape)}{last}"
            )
        if index is not None and len(index) != len(logits):
            raise ValueError(f"index must name every entry of the batch, got {len(index)} for {len(logits)} logits")
        if len(self.remembered) == 0:
            check_logits(logits)
            return
        if (index is None) == bool(self.key_is_index):
            raise ValueError(
                "index must be given with every batch or with none, unlike in the batch before; for a loss of "
                "validation, call eval()"
            )
        if logits.shape[1:] != self.remembered.shape[1:]:
            one, other = (list(z.shape[1:]) if z.ndim > 2 else f"{z.shape[1]} classes" for z in (self.remembered, logits))
            raise ValueError(f"logits must have {one}, like the last batch, got {other}")

    def _compare(self, logits: Tensor, key: Tensor | None) -> tuple[int, Tensor | None]:
        """How many entries at the start of the batch repeat the last remembered ones, and whether they do if not known yet."""
        held, entries = len(self.remembered), len(logits)
        if not held:
            return 0, None
        if key is None:
            if entries <= held:
                raise ValueError(
                    f"a batch of {entries} cannot begin with the {held} remembered entries and hold new ones; {WAY_OUT}"
                )
            return held, None
        if _reads_at_once(logits) or self._steps < FIRST_STEPS or entries != self._entries:
            return self._repeated(key), None
        same = (key[:held] == self.remembered_key).all()
        self._astray = torch.where(same, 0, (self._astray if self._astray is not None else same.long()) + 1)
        self._most_astray = self._astray if self._most_astray is None else self._most_astray.maximum(self._astray)
        if self._steps % INTERVAL == 0 and self._most_astray.item() > 1:
            raise self._lost(key)
        return held, same.expand(held, *logits.shape[2:])

    def _repeated(self, key: Tensor) -> int:
        """The number of entries at the start of the batch that repeat the last remembered ones; 0 for a new sequence.

        Raises ValueError at the second new sequence in a row.
        """
        held, remembered = len(self.remembered), self.remembered_key.to(key.device)
        largest = min(held, len(key) - 1)
        # At the start of an epoch the new half is the larger one, because only the last batch of an epoch may be short.
        sizes = range(largest, (held - 1) // 2, -1) if self.remembers_whole_batch else [held] * (held == largest)
        found = [size for size in sizes if torch.equal(key[:size], remembered[held - size :])]
        # Labels may fit in several ways, such as those of a loader that is sorted by class.
        if len(found) == 1 or (found and self.key_is_index):
            return found[0]
        if self.began_anew:
            raise self._lost(key)
        return 0

    def _lost(self, key: Tensor) -> ValueError:
        kind, pass_index = (
            ("samples", "") if self.key_is_index else ("labels", "; passing index (sample ids) tells samples apart surely")
        )
        return ValueError(
            f"the batch must begin with the last batch's new half, of the {kind} {self.remembered_key[-8:].tolist()}, "
            f"got {key[:8].tolist()}, for the second time in a row; {WAY_OUT}{pass_index}"
        )


def _as_ids(index: Tensor | ArrayLike) -> Tensor:
    """Sample ids as a tensor int[B]. Raises ValueError for what are no integers."""
    if isinstance(index, Tensor):
        if not index.is_floating_point() and index.dtype != torch.bool:
            return index
    elif (array := np.asarray(index)).dtype.kind in "iu":
        return torch.from_numpy(array.astype(np.int64))
    kind = index.dtype if isinstance(index, Tensor | np.ndarray) else shown(index)
    raise ValueError(
        f"index must hold the sample ids as integers, int[B], got {kind}; number samples that have names, as noisy.wrap does"
    )


@METHODS.register("dlb")
class DLB(Composed):
    """CE + alpha T^2 KL(last step's prediction || this step's) on the repeated half of the batch (Shen et al., CVPR 2022).

    Args:
        temperature: The temperature T.
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

    @property
    def stackable(self) -> bool:
        """If it passes both halves at once."""
        return type(self).loss is DLB.loss and not self.two_forward

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
