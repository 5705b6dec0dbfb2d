"""`DynamicsRecorder`: the predictions for every training sample in every epoch, on disk."""

import warnings
from os import PathLike
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from noisylab.core.checks import check_value
from noisylab.core.distributed import processes
from noisylab.core.distributed import rank as own_rank
from noisylab.core.files import expanded, flush_folder
from noisylab.core.outputs import Outputs, as_log, check_outputs
from noisylab.core.system import torchrun_processes
from noisylab.corruption.sample_ids import in_one_order
from noisylab.corruption.validation import check_every_class, check_integer, check_labels
from noisylab.recording.epoch_checks import Counted, Presentations
from noisylab.recording.epoch_row import Rows
from noisylab.recording.records import FILE, FORMAT, derived, shard_file
from noisylab.recording.sample_ids import check_sample_ids, find_positions, plain_names
from noisylab.recording.step import Step, as_labels, as_outputs, as_positions, fitted
from noisylab.recording.store import Store, Variable

Record = Literal["online", "eval"]

# Entries that are buffered as logits before they are reduced, which bounds memory and saves work in each step.
BUFFERED = 2**16


class DynamicsRecorder:
    """Records each sample's prediction, loss, margin and error norm, one row per epoch, in any training loop.

    Call `observe` in every step and `end_epoch` after the last one; `load_dynamics(folder)` reads the records. They take 8
    bytes per sample and epoch on disk (zarr, with checksums), or 9 with more than 255 classes. A sample without a presentation
    in an epoch has prediction `missing` and NaN. Logits that are NaN or infinite are no prediction: such a presentation counts
    as missing, and one warning says how many there are. Only `end_epoch` waits for the device.

    Args:
        folder: Where to write `dynamics.zarr`.
        given_labels: int[N].
        epochs: Number of rows.
        true_labels: int[N], if known.
        num_classes: By default that of the labels. Logits must have as many columns.
        sample_ids: [N], names of the samples in the records, integers or texts, all different; by default 0 to N - 1.
        record: "online" for outputs of training steps (training mode, augmented, before the update), "eval" for outputs of an
            extra pass. The records state it.
        divergence: Also record KL divergences between consecutive epochs, and between first and second presentations. It takes
            4 bytes more per sample and epoch, and 6 K bytes of device memory per sample for K classes.
        probabilities: Keep each sample's mean probabilities over epochs: 2 K bytes per sample on disk, 4 K of memory.
        shard: (rank, number of processes); by default those of the process group, or (0, 1). Each process writes its own file,
            and reading merges them. Under torchrun, make the process group first.
        resume: If the folder has records, go on after their last row: the loop is `for epoch in range(recorder.epoch, epochs)`,
            with the model that made them. More epochs than before extend them.
        overwrite: If the folder has records, delete them.

    Attributes:
        epoch: The epoch to go on with, which is the number of rows that are written.
        last: The last row, as arrays [N] by name.
        not_finite: How many presentations were missing because their logits were not finite.

    Raises:
        ValueError: For labels that do not fit; if `folder` has records, without `resume` or `overwrite`; with `resume`, if they
            are of other samples or settings, or have more epochs.

    Example:
        >>> recorder = DynamicsRecorder("my_run", given_labels=[0, 1, 1], epochs=2)
        >>> recorder.observe(torch.tensor([0, 2]), logits=torch.randn(2, 2))
        >>> recorder.end_epoch()
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        given_labels: ArrayLike,
        *,
        epochs: int,
        true_labels: ArrayLike | None = None,
        num_classes: int | None = None,
        sample_ids: ArrayLike | None = None,
        record: Record = "online",
        divergence: bool = False,
        probabilities: bool = False,
        shard: tuple[int, int] | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        held = in_one_order({"given_labels": given_labels, "true_labels": true_labels, "sample_ids": sample_ids})
        given, classes = check_labels(held["given_labels"], num_classes)
        true = given if true_labels is None else check_labels(held["true_labels"])[0]
        if num_classes is None:
            check_every_class(np.union1d(given, true), max(classes, int(true.max()) + 1))
        self._ids = np.arange(len(given)) if sample_ids is None else check_sample_ids(held["sample_ids"])
        if not given.shape == true.shape == self._ids.shape:
            raise ValueError(
                "given_labels, true_labels and sample_ids must be equally long, got "
                f"{given.shape}, {true.shape}, {self._ids.shape}"
            )
        check_value("record", record, Record)
        self.num_samples, self.epochs, self.record = len(given), check_integer("epochs", epochs, minimum=1), record
        self.num_classes = max(classes, int(true.max()) + 1)
        shard = _own_shard() if shard is None else shard
        self._shards = check_integer("shard's number of processes", shard[1], minimum=1)
        rank = check_integer("shard's rank", shard[0])
        if rank >= self._shards:
            raise ValueError(f"shard must be (rank, number of processes) with rank below the number, got {shard!r}")
        # One more value than there are classes, for no prediction.
        class_type = np.min_scalar_type(self.num_classes)
        self.missing = int(np.iinfo(class_type).max)
        self._divergence, self._probabilities = divergence, probabilities
        floats = ["loss_predicted", "margin", "el2n"] + (["divergence", "step_divergence"] if divergence else [])
        self._variables = {
            "prediction": Variable(class_type, self.missing),
            **{name: Variable(np.dtype(np.float16), np.nan) for name in floats},
            "agreement": Variable(np.dtype(np.int8), -1),
        }
        small = self._ids.dtype.kind in "iu" and self._ids.min() >= 0
        self._store = Store(
            expanded(folder) / (FILE if self._shards == 1 else shard_file(rank, self._shards)),
            static={
                "sample": self._ids.astype(np.min_scalar_type(self._ids.max())) if small else self._ids,
                "given": given.astype(class_type),
                "true": true.astype(class_type),
            },
            variables=self._variables,
            probabilities=(self.num_samples, self.num_classes) if probabilities else None,
            settings={
                "format": FORMAT,
                "record": record,
                "epochs": self.epochs,
                "missing": self.missing,
                "true_labels": true_labels is not None,
                "divergence": divergence,
                "probabilities": probabilities,
                "shards": self._shards,
            },
            resume=resume,
            overwrite=overwrite,
        )
        self.epoch = self._store.epochs_done
        self.last: dict[str, NDArray[Any]] = {}
        self.not_finite = 0
        self._warned: set[str] = set()
        self._begun = False
        self._places: dict[Any, int] | None = None
        self._given = torch.from_numpy(given)
        self._buffer: list[Step] = []
        self._buffered = 0
        self._rows = self._make_rows(torch.device("cpu"))
        self._rows.load_state_dict(self._state_on_disk())

    def positions(self, ids: ArrayLike) -> NDArray[np.int64]:
        """The positions int64[B] of samples that are named as in `sample_ids`. Raises ValueError for an unknown name."""
        if self._places is None:
            self._places = {name: place for place, name in enumerate(self._ids.tolist())}
        return find_positions(plain_names(ids, "index"), self._places)

    def observe(
        self,
        index: Tensor | ArrayLike,
        logits: Tensor | ArrayLike,
        labels: Tensor | ArrayLike | None = None,
        new: slice | None = None,
        *,
        check_labels: bool = True,
        outputs: Outputs = "logits",
    ) -> None:
        """Record one step.

        Args:
            index: int[B], positions in the given labels; or texts, names in `sample_ids` (for names that are numbers, see
                `positions`). A tensor, an array, a list or one number.
            logits: float[B, K], or what `outputs` says: one column for each class. `binary_logits` makes two of a single one.
            labels: int[B]; by default the given labels.
            new: The entries that are the epoch's own presentation of their sample (`Batch.new`). By default it is the first
                presentation in the epoch, and any further one is a second presentation.
            check_labels: Whether `labels` must be the given ones, which `end_epoch` then says; False for labels that were mixed
                or corrected.
            outputs: What `logits` holds: "logits", "log_probabilities" or "probabilities". All give the same records, since
                everything recorded is a function of the log probabilities. But a probability of 0 has none: the smallest that
                its type can hold takes its place, which bounds the margin.

        Raises:
            ValueError: If shapes, types or classes do not fit, if all epochs are written, or if the first outputs are not what
                `outputs` says.
        """
        if self.epoch >= self.epochs:
            raise ValueError(f"{self._all_written()}; a loop that goes on is over range(recorder.epoch, epochs)")
        positions, values = as_positions(index, self.positions), as_outputs(logits)
        known = None if labels is None else as_labels(labels)
        # A copy, because the caller may overwrite its tensors (CUDA graphs do).
        step = fitted(Step(positions, as_log(values, outputs).clone(), known, new, check_labels), self.num_classes)
        if not len(positions):
            return
        # In the first step only, because it waits for the device.
        if not self._begun:
            self._begun = True
            check_outputs(values.reshape(step.logits.shape), outputs)
            self._warn_of_ids(labels)
        self._buffer.append(step)
        self._buffered += len(positions)
        if self._buffered >= BUFFERED:
            self._reduce()

    def end_epoch(self, *, write: bool = True) -> None:
        """Write the epoch's row; `last` then holds it too, as arrays [N] by name.

        Warns, once, of logits that are not finite, and of samples that never came while others came again.

        Args:
            write: False keeps the row in memory until another one is written, until `state_dict`, or until the last epoch, for
                loops whose epochs take less time than writing and that go on from a `state_dict`.

        Raises:
            ValueError: For positions out of range and labels that contradict the given ones.
        """
        if self.epoch >= self.epochs:
            raise ValueError(self._all_written())
        self._reduce()
        taken, counted = self._rows.take()
        self._warn(counted)
        # A loss above what float16 holds is written as infinite.
        with np.errstate(over="ignore"):
            row = {name: taken[name].numpy().astype(variable.dtype) for name, variable in self._variables.items()}
        mean = self._rows.mean_probabilities().cpu().numpy() if self._probabilities else None
        self._store.keep(self.epoch, row, mean)
        self.epoch += 1
        if write or self.epoch == self.epochs:
            self._store.write()
        least = row.pop("loss_predicted")
        self.last = row | derived(least, row["margin"])

    def go_to(self, epoch: int) -> None:
        """Continue with `epoch` after a resume. Rows from it on are overwritten; rows skipped before it are marked missing.

        Without `load_state_dict`, the divergences of that epoch are missing too, and mean probabilities continue from float16.
        Raises ValueError if `epoch` is not in [0, epochs].
        """
        if check_integer("epoch", epoch) > self.epochs:
            raise ValueError(f"epoch must be in [0, {self.epochs}], got {epoch}")
        # Presentations of an unfinished epoch do not count.
        if epoch < self.epoch or (epoch == self.epoch and (self._buffered or self._rows.begun)):
            self.load_state_dict({"epoch": epoch, **self._state_on_disk(epoch)})
        while self.epoch < epoch:
            self.end_epoch()

    def state_dict(self) -> dict[str, Any]:
        """The state after an epoch: the number of rows, which are on disk by then, and the latest predictions."""
        self.flush()
        return self.unflushed_state()

    def flush(self) -> None:
        """Write the rows that are kept, and make all durable."""
        self._store.write()
        flush_folder(self._store.path)

    def unflushed_state(self) -> dict[str, Any]:
        """`state_dict`, for whoever calls `flush` before it is saved."""
        return {"epoch": self.epoch, "digest": self._store.digest_at(self.epoch), **self._rows.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`; later rows are overwritten. Raises ValueError if the rows before are not those then."""
        if "digest" in state and state["digest"] != self._store.digest_at(int(state["epoch"])):
            raise ValueError(
                f"{str(self._store.path)!r} holds other rows than when the state was saved; overwrite=True starts again"
            )
        self.epoch = int(state["epoch"])
        self._rows.load_state_dict(state)
        self._buffer, self._buffered = [], 0
        self._store.forget_chunks()

    def _make_rows(self, device: torch.device) -> Rows:
        return Rows(self.num_samples, self.num_classes, self.missing, device, self._divergence, self._probabilities)

    def _state_on_disk(self, epoch: int | None = None) -> dict[str, Tensor]:
        """The state from the rows before `epoch` (default: all): latest predictions, and sums of probabilities."""
        epoch = self.epoch if epoch is None else epoch
        if not epoch:
            return {"latest": torch.full((self.num_samples,), self.missing)}
        predictions = self._store.predictions(slice(0 if self._probabilities else epoch - 1, epoch))
        state = {"latest": torch.from_numpy(predictions[-1])}
        if self._probabilities:
            # If rows are taken back, the mean on disk still covers all of them; it gets the weight of the remaining rows.
            times = torch.from_numpy((predictions != self.missing).sum(axis=0))
            mean = torch.from_numpy(np.nan_to_num(self._store.probabilities()))
            state |= {"times": times, "probability_sum": mean * times[:, None]}
        return state

    def _reduce(self) -> None:
        """Turn the buffered logits into the recorded quantities, on their device."""
        if not self._buffer:
            return
        device = self._buffer[0].logits.device
        if self._rows.device != device:
            if self._rows.begun:
                raise ValueError(f"logits of one epoch must be on one device, got {device} after {self._rows.device}")
            state = self._rows.state_dict()
            self._rows, self._given = self._make_rows(device), self._given.to(device)
            self._rows.load_state_dict(state)
        index = torch.cat([step.positions for step in self._buffer]).to(device)
        logits = torch.cat([step.logits for step in self._buffer])
        known = self._given.index_select(0, index.clamp(0, self.num_samples - 1))
        labels, new, start = known.clone(), np.full(len(index), -1, dtype=np.int8), 0
        for step in self._buffer:
            stop = start + len(step.positions)
            if step.labels is not None:
                labels[start:stop] = step.labels
            if not step.checked:
                known[start:stop] = -1
            if step.new is not None:
                new[start:stop] = 0
                new[start:stop][step.new] = 1
            start = stop
        self._buffer, self._buffered = [], 0
        self._rows.add(Presentations(index, logits, labels, torch.from_numpy(new).to(device), known))

    def _all_written(self) -> str:
        return (
            f"the recorder was made for {self.epochs} epochs, and all are written; "
            f"DynamicsRecorder(..., epochs=more, resume=True) extends the records"
        )

    def _warn_of_ids(self, labels: Any) -> None:
        """Say that numbers are positions, if they could be sample ids just as well and no labels tell."""
        positions = np.arange(self.num_samples)
        if labels is None and not np.array_equal(self._ids, positions) and np.isin(self._ids, positions).any():
            warnings.warn(
                f"index holds positions in given_labels, not sample_ids such as {self._ids[0]}; recorder.positions(ids) makes "
                "positions of those. Give labels too, and they are checked",
                stacklevel=3,
            )

    def _warn(self, counted: Counted) -> None:
        """Say what was counted, each thing once."""
        self.not_finite += counted.not_finite
        if counted.not_finite and "not finite" not in self._warned:
            self._warned.add("not finite")
            warnings.warn(
                f"{counted.not_finite} of {counted.presentations} presentations in epoch {self.epoch} had logits that are NaN "
                "or infinite, and count as missing; recorder.not_finite counts those of later epochs too. (Mask classes with a "
                "large negative number such as -1e4 rather than with -inf.)",
                stacklevel=3,
            )
        # Samples that lack here may be those of another process.
        if counted.again and self._shards == 1 and "never" not in self._warned:
            self._warned.add("never")
            warnings.warn(
                f"samples {counted.first_missing} to {self.num_samples - 1} of {self.num_samples} never came in epoch "
                f"{self.epoch}, while earlier ones came again, {counted.again} times in all. If positions in several data sets "
                "collide, give each its own with wrap(dataset, first_index=...). (Nothing is wrong if you train on the first "
                "samples only, and show each several times.)",
                stacklevel=3,
            )


def _own_shard() -> tuple[int, int]:
    """Rank and size of the process group. Raises ValueError if torchrun's processes have not joined one yet."""
    if processes() == 1 < torchrun_processes():
        raise ValueError(
            f"torchrun started {torchrun_processes()} processes, but this one is in no process group, so each would write the "
            "same file; call torch.distributed.init_process_group() before the recorder is made, or pass shard=(rank, number)"
        )
    return own_rank(), processes()
