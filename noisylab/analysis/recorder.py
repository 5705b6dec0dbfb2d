"""`DynamicsRecorder`: what a network says of every training sample in every epoch, on disk."""

import shutil
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import zarr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional
from zarr.codecs import Crc32cCodec

from noisylab.checks import check_value
from noisylab.corruption.validation import check_integer, check_labels
from noisylab.files import flush_folder

Record = Literal["online", "eval"]

# Entries kept as logits before they are reduced to the recorded quantities: bounds memory, and spares each step the work.
BUFFERED = 2**16
CHUNK_BYTES = 2**22


class _Reduced(NamedTuple):
    """The recorded quantities of M presentations, in the order they came."""

    sample: Tensor
    new: Tensor
    prediction: Tensor
    p_given: Tensor
    p_max: Tensor
    loss: Tensor
    margin: Tensor


class DynamicsRecorder:
    """Records each sample's prediction, confidence, loss and margin, one row an epoch, in anyone's training loop.

    `observe` what every step computed, `end_epoch` after the last one; `noisylab.analysis.load_dynamics(folder)` reads it. On
    disk (zarr, checksummed) over (epoch, sample): prediction; p_given and p_max, the probabilities of the given and of the
    predicted class; loss, -log p_given; margin, z_given - max of the other logits; agreement, whether a second presentation was
    predicted as the one before it (-1: no second one). A sample that an epoch did not show has prediction `missing` and NaN.

    folder: where `dynamics.zarr` is written; one that is there is continued after its last row. given_labels, true_labels:
    int[N]. record: "online" for outputs of the training steps (training mode, augmented, before the update), "eval" for
    outputs of an extra pass; it is written down, and up to the caller. Nothing waits for the device but `end_epoch`. Raises
    ValueError for labels that do not fit, and for records of other samples or settings in `folder`.
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
        # One value more than there are classes, to say that there is no prediction.
        self._class_type = np.min_scalar_type(self.num_classes)
        self.missing = int(np.iinfo(self._class_type).max)
        self._fills: dict[str, tuple[np.dtype[Any], Any]] = {
            "prediction": (self._class_type, self.missing),
            **{name: (np.dtype(np.float16), np.nan) for name in ("p_given", "p_max", "loss", "margin")},
            "agreement": (np.dtype(np.int8), -1),
        }
        static = {"sample": ids, "given": given, "true": true, "mislabelled": given != true, "epoch": np.arange(epochs)}
        self._folder = Path(folder) / "dynamics.zarr"
        self._group = self._open(self._folder, static)
        self._arrays = {name: self._group[name] for name in self._fills}
        self.epoch = int(self._group.attrs["epochs_done"])
        self.last: dict[str, NDArray[Any]] = {}
        self._buffer: list[tuple[Tensor, Tensor, Tensor, slice | None]] = []
        self._reduced: list[_Reduced] = []
        self._buffered = 0
        self._latest = self._last_predictions()
        self._chunks: dict[str, tuple[int, NDArray[Any]]] = {}

    def observe(self, index: Tensor, logits: Tensor, labels: Tensor, new: slice | None = None) -> None:
        """Take note of one step: sample ids int64[B], logits float[B, K], given labels int64[B].

        new: the entries that are the epoch's own presentation of their sample (`Batch.new`); without it, a sample's first
        presentation in the epoch is its own, and any further one a second presentation.
        """
        if self.epoch >= self.epochs:
            raise ValueError(f"the recorder was made for {self.epochs} epochs, and all are written; choose another folder")
        if logits.shape[1] > self.num_classes:
            raise ValueError(
                f"logits of {logits.shape[1]} classes do not fit records made for {self.num_classes}; give num_classes"
            )
        # Copies, since the caller may overwrite its tensors (CUDA graphs do).
        self._buffer.append((index.detach().clone(), logits.detach().float().clone(), labels.detach().clone(), new))
        self._buffered += len(index)
        if self._buffered >= BUFFERED:
            self._reduce()

    def end_epoch(self) -> None:
        """Write the epoch's row; it is then in `last` too, as arrays [N] by name."""
        if self.epoch >= self.epochs:
            raise ValueError(f"the recorder was made for {self.epochs} epochs, and all are written")
        self._reduce()
        parts = [_Reduced(*(torch.cat(column).cpu() for column in zip(*self._reduced, strict=True)))] if self._reduced else []
        self._reduced = []
        row = {name: np.full(self.num_samples, fill, dtype=kind) for name, (kind, fill) in self._fills.items()}
        if parts:
            self._fill(row, parts[0])
        self._write(row)
        self.epoch += 1
        self._group.attrs["epochs_done"] = self.epoch
        self.last = row

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on after an epoch: how many rows count, which are on disk then, and each latest prediction."""
        flush_folder(self._folder)
        return {"epoch": self.epoch, "latest": torch.from_numpy(self._latest.astype(np.int64))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; later rows will be written again."""
        self.epoch = int(state["epoch"])
        self._latest = state["latest"].cpu().numpy().astype(self._class_type)
        self._chunks = {}

    def _last_predictions(self) -> NDArray[Any]:
        """Each sample's prediction in the last row, where there is one."""
        if not self.epoch:
            return np.full(self.num_samples, self.missing, dtype=self._class_type)
        return np.array(self._arrays["prediction"][self.epoch - 1])

    def _open(self, path: Path, static: dict[str, NDArray[Any]]) -> zarr.Group:
        if path.exists():
            group = zarr.open_group(path, mode="r+")
            wanted = {"record": self.record, "epochs": self.epochs, "missing": self.missing}
            found = {name: group.attrs.get(name) for name in wanted}
            same = all(name in group and np.array_equal(group[name][:], values) for name, values in static.items())
            if found != wanted or not same:
                raise ValueError(f"{str(path)!r} holds records of other samples or settings: {found}, wanted {wanted}")
            return group
        # Built aside and renamed, so that a folder that is there is whole.
        building = path.with_name(f".{path.name}.partial")
        shutil.rmtree(building, ignore_errors=True)
        building.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.create_group(building)
        checksum = [Crc32cCodec()]
        for name, values in static.items():
            array = group.create_array(
                name,
                shape=values.shape,
                dtype=values.dtype,
                chunks=values.shape,
                dimension_names=("epoch" if name == "epoch" else "sample",),
                compressors=checksum,
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
                compressors=checksum,
            )
        group.update_attributes({"record": self.record, "epochs": self.epochs, "missing": self.missing, "epochs_done": 0})
        building.rename(path)
        return zarr.open_group(path, mode="r+")

    def _chunk_length(self, itemsize: int) -> int:
        """Epochs in a chunk: few chunks of at most CHUNK_BYTES, about equally long."""
        longest = max(1, CHUNK_BYTES // (itemsize * self.num_samples))
        chunks = -(-self.epochs // longest)
        return -(-self.epochs // chunks)

    def _write(self, row: dict[str, NDArray[Any]]) -> None:
        """Put the epoch's row on disk. Whole chunks are written from memory: a part of one would have to be read first."""
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
        index, logits, labels = (torch.cat(column) for column in list(zip(*self._buffer, strict=True))[:3])
        new = torch.zeros(len(index), dtype=torch.int8)
        start = 0
        for ids, _, _, part in self._buffer:
            # Who gives no `new` leaves it to the order of presentations (-1).
            new[start : start + len(ids)] = -1 if part is None else 0
            if part is not None:
                new[start : start + len(ids)][part] = 1
            start += len(ids)
        log_p = functional.log_softmax(logits, dim=1)
        best, prediction = log_p.max(dim=1)
        given = labels[:, None]
        log_given = log_p.gather(1, given)[:, 0]
        others = logits.scatter(1, given, -torch.inf).amax(dim=1)
        margin = logits.gather(1, given)[:, 0] - others
        self._reduced.append(_Reduced(index, new, prediction, log_given.exp(), best.exp(), -log_given, margin))
        self._buffer, self._buffered = [], 0

    def _fill(self, row: dict[str, NDArray[Any]], seen: _Reduced) -> None:
        if seen.sample.min() < 0 or seen.sample.max() >= self.num_samples:
            raise ValueError(
                f"index must be in [0, {self.num_samples}), got {int(seen.sample.min())} to {int(seen.sample.max())}"
            )
        index, new, prediction = seen.sample.numpy(), seen.new.numpy(), seen.prediction.numpy().astype(self._class_type)
        # Presentations sorted by sample, in order of time within each sample.
        order = np.argsort(index, kind="stable")
        sample, predicted = index[order], prediction[order]
        first = np.r_[True, sample[1:] != sample[:-1]]
        before = np.where(first, self._latest[sample], np.r_[predicted[:1], predicted[:-1]])
        own = np.where(new[order] < 0, first, new[order] == 1)
        second = ~own & (before != self.missing)
        row["agreement"][sample[second]] = predicted[second] == before[second]
        # Assigned backwards, the first one of several own presentations stays.
        chosen = order[own][::-1]
        for name in ("prediction", "p_given", "p_max", "loss", "margin"):
            row[name][index[chosen]] = getattr(seen, name).numpy()[chosen]
        self._latest[sample] = predicted
