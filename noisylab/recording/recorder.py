"""`DynamicsRecorder`: the predictions for every training sample in every epoch, on disk."""

import shutil
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import zarr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from zarr.codecs import Crc32cCodec, ZstdCodec

from noisylab.core.checks import check_value
from noisylab.core.files import flush_folder
from noisylab.corruption.validation import check_integer, check_labels
from noisylab.recording.epoch_row import Presentations, Rows
from noisylab.recording.records import FILE, FORMAT, derived, shard_file

Record = Literal["online", "eval"]

# Entries that are buffered as logits before they are reduced, which bounds memory and saves work in each step.
BUFFERED = 2**16
CHUNK_BYTES = 2**22


class DynamicsRecorder:
    """Records each sample's prediction, loss, margin and error norm, one row per epoch, in any training loop.

    Call `observe` in every step and `end_epoch` after the last one; `load_dynamics(folder)` reads the records. They take 8
    bytes per sample and epoch on disk (zarr, with checksums), or 9 with more than 255 classes. A sample without a presentation
    in an epoch has prediction `missing` and NaN. Only `end_epoch` waits for the device.

    Args:
        folder: Where to write `dynamics.zarr`. An existing one is continued after its last row.
        given_labels: int[N].
        epochs: Number of rows.
        true_labels: int[N], if known.
        num_classes: By default that of the labels.
        sample_ids: [N], names of the samples in the records; by default 0 to N - 1.
        record: "online" for outputs of training steps (training mode, augmented, before the update), "eval" for outputs of an
            extra pass. The records state it.
        divergence: Also record KL divergences between consecutive epochs, and between first and second presentations. It takes
            4 bytes more per sample and epoch, and 6 K bytes of device memory per sample for K classes.
        probabilities: Keep each sample's mean probabilities over epochs: 2 K bytes per sample on disk, 4 K of memory.
        shard: (rank, number of processes) if several processes train together. Each writes its own file, and reading merges
            them.

    Raises:
        ValueError: For labels that do not fit, or if `folder` has records of other samples or settings.

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
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        given, classes = check_labels(given_labels, num_classes)
        true = given if true_labels is None else check_labels(true_labels)[0]
        ids = np.arange(len(given)) if sample_ids is None else np.asarray(sample_ids)
        if not given.shape == true.shape == ids.shape:
            raise ValueError(
                f"given_labels, true_labels and sample_ids must be equally long, got {given.shape}, {true.shape}, {ids.shape}"
            )
        check_value("record", record, Record)
        self.num_samples, self.epochs, self.record = len(given), check_integer("epochs", epochs, minimum=1), record
        self.num_classes = max(classes, int(true.max()) + 1)
        self._shards = check_integer("shard's number of processes", shard[1], minimum=1)
        rank = check_integer("shard's rank", shard[0])
        if rank >= self._shards:
            raise ValueError(f"shard must be (rank, number of processes) with rank below the number, got {shard!r}")
        # One more value than there are classes, for no prediction.
        self._class_type = np.min_scalar_type(self.num_classes)
        self.missing = int(np.iinfo(self._class_type).max)
        self._divergence, self._probabilities = divergence, probabilities
        floats = ["loss_predicted", "margin", "el2n"] + (["divergence", "step_divergence"] if divergence else [])
        self._fills: dict[str, tuple[np.dtype[Any], Any]] = {
            "prediction": (self._class_type, self.missing),
            **{name: (np.dtype(np.float16), np.nan) for name in floats},
            "agreement": (np.dtype(np.int8), -1),
        }
        if ids.dtype.kind in "iu" and ids.min() >= 0:
            ids = ids.astype(np.min_scalar_type(ids.max()))
        static = {
            "sample": ids,
            "given": given.astype(self._class_type),
            "true": true.astype(self._class_type),
            "epoch": np.arange(epochs, dtype=np.int32),
        }
        self._settings = {
            "format": FORMAT,
            "record": record,
            "epochs": self.epochs,
            "missing": self.missing,
            "true_labels": true_labels is not None,
            "divergence": divergence,
            "probabilities": probabilities,
            "shards": self._shards,
        }
        self._folder = Path(folder).expanduser() / (FILE if self._shards == 1 else shard_file(rank, self._shards))
        self._group = self._open(self._folder, static)
        self._arrays = {name: self._group[name] for name in self._fills}
        self.epoch = int(self._group.attrs["epochs_done"])
        self.last: dict[str, NDArray[Any]] = {}
        self._given = torch.from_numpy(given)
        self._buffer: list[tuple[Tensor, Tensor, Tensor | None, slice | None]] = []
        self._buffered = 0
        self._rows = self._make_rows(torch.device("cpu"))
        self._rows.load_state_dict(self._state_on_disk())
        self._chunks: dict[str, tuple[int, NDArray[Any]]] = {}

    def observe(self, index: Tensor, logits: Tensor, labels: Tensor | None = None, new: slice | None = None) -> None:
        """Record one step.

        Args:
            index: int64[B], positions in the given labels.
            logits: float[B, K].
            labels: int64[B]; by default the given labels.
            new: The entries that are the epoch's own presentation of their sample (`Batch.new`). By default it is the first
                presentation in the epoch, and any further one is a second presentation.

        Raises:
            ValueError: If shapes or classes do not fit, or all epochs are written.
        """
        if self.epoch >= self.epochs:
            raise ValueError(f"the recorder was made for {self.epochs} epochs, and all are written; choose another folder")
        if logits.ndim != 2 or index.shape != logits.shape[:1] or (labels is not None and labels.shape != index.shape):
            shapes = [None if part is None else list(part.shape) for part in (index, logits, labels)]
            raise ValueError(f"index, logits and labels must have shapes [B], [B, K] and [B], got {shapes}")
        if logits.shape[1] > self.num_classes:
            raise ValueError(
                f"logits of {logits.shape[1]} classes do not fit records made for {self.num_classes}; give num_classes"
            )
        if not len(index):
            return
        # Copies, because the caller may overwrite its tensors (CUDA graphs do).
        kept = None if labels is None else labels.detach().clone()
        self._buffer.append((index.detach().clone(), logits.detach().float().clone(), kept, new))
        self._buffered += len(index)
        if self._buffered >= BUFFERED:
            self._reduce()

    def end_epoch(self) -> None:
        """Write the epoch's row; `last` then holds it too, as arrays [N] by name."""
        if self.epoch >= self.epochs:
            raise ValueError(f"the recorder was made for {self.epochs} epochs, and all are written")
        self._reduce()
        taken = self._rows.take()
        # A loss above what float16 holds is written as infinite.
        with np.errstate(over="ignore"):
            row = {name: taken[name].numpy().astype(kind) for name, (kind, _) in self._fills.items()}
        self._write(row)
        if self._probabilities:
            self._group["probabilities"][:] = self._rows.mean_probabilities().cpu().numpy()
        self.epoch += 1
        self._group.attrs["epochs_done"] = self.epoch
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
        flush_folder(self._folder)
        return {"epoch": self.epoch, **self._rows.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`; later rows are overwritten."""
        self.epoch = int(state["epoch"])
        self._rows.load_state_dict(state)
        self._buffer, self._buffered, self._chunks = [], 0, {}

    def _make_rows(self, device: torch.device) -> Rows:
        return Rows(self.num_samples, self.num_classes, self.missing, device, self._divergence, self._probabilities)

    def _state_on_disk(self, epoch: int | None = None) -> dict[str, Tensor]:
        """The state from the rows before `epoch` (default: all): latest predictions, and sums of probabilities."""
        epoch = self.epoch if epoch is None else epoch
        if not epoch:
            return {"latest": torch.full((self.num_samples,), self.missing)}
        predictions = np.array(
            self._arrays["prediction"][:epoch] if self._probabilities else self._arrays["prediction"][epoch - 1]
        )
        state = {"latest": torch.from_numpy(predictions.reshape(-1, self.num_samples)[-1].astype(np.int64))}
        if self._probabilities:
            # If rows are taken back, the mean on disk still covers all of them; it gets the weight of the remaining rows.
            times = torch.from_numpy((predictions != self.missing).sum(axis=0))
            mean = torch.from_numpy(np.nan_to_num(np.array(self._group["probabilities"]).astype(np.float32)))
            state |= {"times": times, "probability_sum": mean * times[:, None]}
        return state

    def _open(self, path: Path, static: dict[str, NDArray[Any]]) -> zarr.Group:
        if path.exists():
            group = zarr.open_group(path, mode="r+")
            found = {name: group.attrs.get(name) for name in self._settings}
            same = all(name in group and np.array_equal(group[name][:], values) for name, values in static.items())
            differing = [
                f"{name} {found[name]!r} (asked for: {value!r})"
                for name, value in self._settings.items()
                if found[name] != value
            ]
            differing += [] if same else ["other samples or labels"]
            if differing:
                advice = "remove it, or choose another folder"
                raise ValueError(f"{str(path)!r} holds records with {', '.join(differing)}; {advice}")
            return group
        # Built elsewhere and renamed, so that an existing folder is complete.
        building = path.with_name(f".{path.name}.partial")
        shutil.rmtree(building, ignore_errors=True)
        building.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.create_group(building)
        # A shard is mostly empty, because other processes have the other samples.
        codecs = [Crc32cCodec()] if self._shards == 1 else [ZstdCodec(level=1), Crc32cCodec()]
        for name, values in static.items():
            array = group.create_array(
                name,
                shape=values.shape,
                dtype=values.dtype,
                chunks=values.shape,
                dimension_names=("epoch" if name == "epoch" else "sample",),
                compressors=codecs,
            )
            array[:] = values
        for name, (kind, fill) in self._fills.items():
            group.create_array(
                name,
                shape=(self.epochs, self.num_samples),
                dtype=kind,
                chunks=(self._chunk_length(kind.itemsize), self.num_samples),
                dimension_names=("epoch", "sample"),
                fill_value=fill,
                compressors=codecs,
            )
        if self._probabilities:
            shape = (self.num_samples, self.num_classes)
            group.create_array(
                "probabilities",
                shape=shape,
                dtype=np.float16,
                chunks=shape,
                dimension_names=("sample", "class"),
                fill_value=np.nan,
                compressors=codecs,
            )
        group.update_attributes({**self._settings, "epochs_done": 0})
        building.rename(path)
        return zarr.open_group(path, mode="r+")

    def _chunk_length(self, itemsize: int) -> int:
        """Epochs in a chunk: few chunks of at most CHUNK_BYTES, about equally long."""
        longest = max(1, CHUNK_BYTES // (itemsize * self.num_samples))
        chunks = -(-self.epochs // longest)
        return -(-self.epochs // chunks)

    def _write(self, row: dict[str, NDArray[Any]]) -> None:
        """Write the epoch's row. Whole chunks are written from memory, since a part of one would have to be read first."""
        for name, values in row.items():
            array = self._arrays[name]
            length = array.chunks[0]
            start = self.epoch - self.epoch % length
            if self._chunks.get(name, (None,))[0] != start:
                self._chunks[name] = start, np.asarray(array[start : start + length])
            chunk = self._chunks[name][1]
            chunk[self.epoch - start] = values
            array[start : start + length] = chunk

    def _reduce(self) -> None:
        """Turn the buffered logits into the recorded quantities, on their device."""
        if not self._buffer:
            return
        device = self._buffer[0][1].device
        if self._rows.device != device:
            if self._rows.begun:
                raise ValueError(f"logits of one epoch must be on one device, got {device} after {self._rows.device}")
            state = self._rows.state_dict()
            self._rows, self._given = self._make_rows(device), self._given.to(device)
            self._rows.load_state_dict(state)
        index = torch.cat([part for part, _, _, _ in self._buffer]).to(device)
        logits = torch.cat([part for _, part, _, _ in self._buffer])
        known = self._given[index.clamp(0, self.num_samples - 1)]
        labels, new, start = known, torch.full((len(index),), -1, dtype=torch.int8), 0
        for ids, _, given, part in self._buffer:
            stop = start + len(ids)
            if given is not None:
                labels[start:stop] = given
            if part is not None:
                new[start:stop] = 0
                new[start:stop][part] = 1
            start = stop
        self._buffer, self._buffered = [], 0
        self._rows.add(Presentations(index, logits, labels, new.to(device)))
