"""`DynamicsCallback` for HuggingFace's Trainer: `pip install 'noisylab[hf]'`."""

from os import PathLike
from typing import Any

from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from noisylab.recording.recorder import DynamicsRecorder


class DynamicsCallback(TrainerCallback):  # type: ignore[misc]
    """Records every training step of `Trainer.train` with a `DynamicsRecorder`; several processes write a shard each.

    Every example must have its sample id in the column `index`, which is removed before the model sees it; pass
    `remove_unused_columns=False` to the Trainer. The model's output must have `logits` [B, K].

    folder, given_labels, options: arguments of `DynamicsRecorder`, which is created when training starts and kept as
    `recorder`. A training with `resume_from_checkpoint` goes on with the records in `folder`; for a new one there must be none,
    or `overwrite=True`. check_labels: whether the column `labels` must hold the given ones. Raises ValueError for inputs
    without ids, outputs without logits, or several GPUs in one process.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        given_labels: ArrayLike,
        *,
        index: str = "index",
        check_labels: bool = True,
        **options: Any,
    ) -> None:
        self.recorder: DynamicsRecorder | None = None
        self._folder, self._given, self._options, self._column = folder, given_labels, options, index
        self._check_labels = check_labels
        self._ids: Tensor | None = None
        self._labels: Tensor | None = None
        self._hooks: list[RemovableHandle] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: nn.Module, **kwargs: Any
    ) -> None:
        """Make the recorder, or continue an earlier one, and observe the model's calls."""
        # Each GPU's thread would take the ids of another one's part of the batch.
        if args.n_gpu > 1:
            raise ValueError(
                f"the Trainer would split each batch over {args.n_gpu} GPUs in one process, which mixes up the ids; "
                "run it by torchrun, or on one GPU (CUDA_VISIBLE_DEVICES=0)"
            )
        options = {"epochs": state.num_train_epochs} | self._options
        if state.global_step:
            options |= {"resume": True, "overwrite": False}
        self.recorder = DynamicsRecorder(self._folder, self._given, **options)
        self.recorder.go_to(int(state.epoch or 0))
        self._remove_hooks()
        # The Trainer gives callbacks neither inputs nor outputs.
        self._hooks = [
            model.register_forward_pre_hook(self._take_ids, with_kwargs=True),
            model.register_forward_hook(self._observe),
        ]

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the epoch's row."""
        assert self.recorder is not None
        self.recorder.end_epoch()

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Remove the hooks from the model."""
        self._remove_hooks()

    def _remove_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _take_ids(
        self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self._ids, labels = kwargs.get(self._column), kwargs.get("labels")
        whole = isinstance(labels, Tensor) and labels.ndim == 1 and not labels.is_floating_point()
        self._labels = labels if whole and self._check_labels else None
        return args, {name: value for name, value in kwargs.items() if name != self._column}

    def _observe(self, model: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if not model.training:
            return
        if self._ids is None:
            raise ValueError(
                f"the model's inputs must hold the sample ids as {self._column!r}, got none; give the data set that column, "
                "and the Trainer remove_unused_columns=False"
            )
        logits = output.get("logits") if hasattr(output, "get") else getattr(output, "logits", None)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            raise ValueError(f"the model's output must hold logits of shape [B, K], got {type(logits).__name__}")
        assert self.recorder is not None
        self.recorder.observe(self._ids, logits, self._labels)
