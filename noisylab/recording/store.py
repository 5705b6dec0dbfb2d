"""The file of a recorder: a zarr group that is made, continued, extended or overwritten, and gets a row per epoch."""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import UnstableSpecificationWarning

from noisylab.core.files import make_output
from noisylab.recording.digests import OWN, PARTS, DamagedError, begun, chunk_digests, digest_of, own_digest, rows_digest
from noisylab.recording.records import FILE, check_records, open_group

CHUNK_BYTES = 2**22


class Variable(NamedTuple):
    """A recorded variable over (epoch, sample): its type, and the value of an entry without a presentation."""

    dtype: np.dtype[Any]
    fill: Any


class Store:
    """The records of one process on disk.

    Args:
        path: The file, which is a folder to zarr.
        static: Arrays over samples that do not change.
        variables: Variables over (epoch, sample).
        probabilities: (samples, classes), if mean probabilities are kept.
        settings: Attributes; `epochs` is the number of rows, `shards` that of processes.
        resume: Go on with existing records; more epochs extend them.
        overwrite: Replace existing records.

    Raises:
        ValueError: If there are records and neither is asked for, or if they do not fit.
    """

    def __init__(
        self,
        path: Path,
        *,
        static: Mapping[str, NDArray[Any]],
        variables: Mapping[str, Variable],
        probabilities: tuple[int, int] | None,
        settings: Mapping[str, Any],
        resume: bool,
        overwrite: bool,
    ) -> None:
        if resume and overwrite:
            raise ValueError("resume and overwrite exclude each other, got both")
        self.path = path
        self._static, self._variables, self._probabilities = static, variables, probabilities
        self._settings, self._epochs = settings, int(settings["epochs"])
        self._samples = len(next(iter(static.values())))
        self._refuse_other_processes()
        # An extension or a replacement that was broken off between its two renamings.
        if not path.exists() and self._aside.exists():
            self._aside.rename(path)
        if path.exists() and not overwrite:
            self._group = self._continued(resume)
        else:
            self._group = self._put(self._build())
        self._arrays = {name: self._group[name] for name in variables}
        self._chunks: dict[str, tuple[int, NDArray[Any]]] = {}
        # What is kept and not written yet: the numbers of the rows, which the chunks hold, and the mean probabilities.
        self._kept = range(0)
        self._mean: NDArray[Any] | None = None
        # The digest of each variable's rows in the chunk that is being written, and how many they are.
        self._hashes: dict[str, tuple[int, Any]] = {}
        # The digest of each variable's first rows, and how many they are.
        self._running: dict[str, tuple[int, Any]] = {}

    @property
    def epochs_done(self) -> int:
        """The number of rows that are written."""
        return int(self._group.attrs["epochs_done"])

    def keep(self, epoch: int, row: Mapping[str, NDArray[Any]], probabilities: NDArray[Any] | None) -> None:
        """Keep a row, which is then the last one, and the mean probabilities up to it, in memory until `write`."""
        for name, values in row.items():
            array = self._arrays[name]
            length = array.chunks[0]
            start = epoch - epoch % length
            if self._chunks.get(name, (None,))[0] != start:
                self.write()
                self._chunks[name] = start, np.asarray(array[start : start + length])
                self._hashes.pop(name, None)
            self._chunks[name][1][epoch - start] = _one_nan(values)
        self._kept, self._mean = range(self._kept.start if self._kept else epoch, epoch + 1), probabilities

    def write(self) -> None:
        """Write what is kept, and enter its digests."""
        if not self._kept:
            return
        if self._kept.start < self.epochs_done:
            # First, so that a process that is killed in between leaves rows with their digests.
            _enter(self._group, self._kept.start, self._parts_at(self._kept.start))
        parts = dict(self._group.attrs[PARTS])
        # Whole chunks are written from memory, since a part of one would have to be read first.
        for name, (start, chunk) in self._chunks.items():
            self._arrays[name][start : start + len(chunk)] = chunk
            hashed, found = self._hashes.get(name, (0, begun(name, chunk.dtype, self._samples)))
            # A copy, since a signal can end this at any time, and the rows are then written once more.
            found = found.copy()
            found.update(chunk[hashed : self._kept.stop - start].tobytes())
            self._hashes[name] = self._kept.stop - start, found
            parts[name] = [*parts[name][: start // self._arrays[name].chunks[0]], found.hexdigest()]
        if self._mean is None:
            _enter(self._group, self._kept.stop, parts)
        else:
            mean = _one_nan(np.asarray(self._mean, dtype=np.float16))
            # What is there until it is replaced counts too, since a process can be killed in between.
            parts["probabilities"] = [digest_of("probabilities", mean), *parts["probabilities"][:1]]
            _enter(self._group, self._kept.stop, parts)
            self._group["probabilities"][:] = mean
        self._kept = range(0)

    def digest_at(self, epoch: int) -> str:
        """SHA-256 of the labels and the first `epoch` rows, written or kept."""
        for name, array in self._arrays.items():
            done, found = self._running.get(name, (epoch + 1, None))
            if found is None or done > epoch:
                done, found = 0, begun(name, array.dtype, self._samples)
            found = found.copy()
            while done < epoch:
                stop = min(done - done % array.chunks[0] + array.chunks[0], epoch)
                found.update(self._rows(name, done, stop).tobytes())
                done = stop
            self._running[name] = epoch, found
        return rows_digest(self._group.attrs[PARTS], {name: found for name, (_, found) in self._running.items()})

    def _rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows of one chunk of a variable, which need not be written yet."""
        first, chunk = self._chunks.get(name, (stop, None))
        if chunk is None or start < first:
            return np.asarray(self._arrays[name][start:stop])
        return chunk[start - first : stop - first]

    def _parts_at(self, epoch: int) -> dict[str, Any]:
        """The digests of all parts, with those of the first `epoch` rows."""
        parts = dict(self._group.attrs[PARTS])
        for name, array in self._arrays.items():
            whole = epoch // array.chunks[0]
            rest = slice(whole * array.chunks[0], epoch)
            parts[name] = parts[name][:whole]
            if rest.start < rest.stop:
                parts[name] += [digest_of(name, np.asarray(array[rest]))]
        return parts

    def predictions(self, rows: slice) -> NDArray[np.int64]:
        """int64[E, N], recorded predictions."""
        self.write()
        return np.asarray(self._arrays["prediction"][rows], dtype=np.int64)

    def probabilities(self) -> NDArray[np.float32]:
        """float32[N, K], mean probabilities; NaN for samples that were never shown."""
        self.write()
        return np.asarray(self._group["probabilities"][:], dtype=np.float32)

    def forget_chunks(self) -> None:
        """Read chunks again before they are written, because earlier rows are written next."""
        self.write()
        self._chunks, self._hashes, self._running = {}, {}, {}

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f".{self.path.name}.old")

    def _refuse_other_processes(self) -> None:
        others = [self.path.with_name(FILE), *sorted(self.path.parent.glob("dynamics-*-of-*.zarr"))]
        count = f"-of-{self._settings['shards']}.zarr"
        for other in others:
            same = self.path.name == FILE if other.name == FILE else self.path.name != FILE and other.name.endswith(count)
            if other.is_dir() and not same:
                raise ValueError(
                    f"{str(self.path.parent)!r} holds {other.name}, the records of another number of processes; remove it, or "
                    "choose another folder"
                )

    def _continued(self, resume: bool) -> zarr.Group:
        """The existing records, with as many rows as asked for."""
        try:
            group = open_group(self.path, mode="r+")
        except DamagedError as error:
            raise DamagedError(self.path, error.part, "overwrite=True deletes it") from error
        done, held = int(group.attrs.get("epochs_done", 0)), group.attrs.get("epochs")
        if not resume:
            raise ValueError(
                f"{str(self.path)!r} holds {done} of {held} epochs of an earlier recording; resume=True goes on after them, in "
                "a loop over range(recorder.epoch, epochs) with the model that made them; overwrite=True deletes them"
            )
        try:
            check_records(self.path)
        except DamagedError as error:
            raise DamagedError(self.path, error.part, "overwrite=True deletes it") from error
        differing = [
            f"{name} {group.attrs.get(name)!r} (asked for: {value!r})"
            for name, value in self._settings.items()
            if name != "epochs" and group.attrs.get(name) != value
        ]
        same = all(name in group and np.array_equal(group[name][:], values) for name, values in self._static.items())
        differing += [] if same else ["other samples or labels"]
        if differing:
            advice = "remove it, or choose another folder"
            raise ValueError(f"{str(self.path)!r} holds records with {', '.join(differing)}; {advice}")
        if self._epochs < done:
            raise ValueError(f"{str(self.path)!r} holds {done} epochs; epochs must be at least as many, got {self._epochs}")
        if self._epochs == held:
            return group
        # A copy has the files of records that were made for so many epochs at once.
        building = self._build()
        copy = zarr.open_group(building, mode="r+")
        for name in self._variables:
            copy[name][:done] = group[name][:done]
        parts = dict(copy.attrs[PARTS])
        for name in self._variables:
            parts[name] = chunk_digests(name, copy[name], done)
        if self._probabilities:
            copy["probabilities"][:] = group["probabilities"][:]
            parts["probabilities"] = group.attrs[PARTS]["probabilities"]
        _enter(copy, done, parts)
        return self._put(building)

    def _build(self) -> Path:
        """Make empty records beside their place, so that what is in it is complete."""
        building = self.path.with_name(f".{self.path.name}.partial")
        shutil.rmtree(building, ignore_errors=True)
        make_output(building.parent)
        group = zarr.create_group(building)
        # A shard is mostly empty, because other processes have the other samples.
        codecs = [Crc32cCodec()] if self._settings["shards"] == 1 else [ZstdCodec(level=1), Crc32cCodec()]
        static = {**self._static, "epoch": np.arange(self._epochs, dtype=np.int32)}
        for name, values in static.items():
            with warnings.catch_warnings():
                # About texts of a fixed length; zarr and xarray read them back.
                warnings.simplefilter("ignore", UnstableSpecificationWarning)
                array = group.create_array(
                    name,
                    shape=values.shape,
                    dtype=values.dtype,
                    chunks=values.shape,
                    dimension_names=("epoch" if name == "epoch" else "sample",),
                    compressors=codecs,
                )
            array[:] = values
        for name, (dtype, fill) in self._variables.items():
            group.create_array(
                name,
                shape=(self._epochs, self._samples),
                dtype=dtype,
                chunks=(self._chunk_length(dtype.itemsize), self._samples),
                dimension_names=("epoch", "sample"),
                fill_value=fill,
                compressors=codecs,
            )
        if self._probabilities:
            group.create_array(
                "probabilities",
                shape=self._probabilities,
                dtype=np.float16,
                chunks=self._probabilities,
                dimension_names=("sample", "class"),
                fill_value=np.nan,
                compressors=codecs,
            )
        parts: dict[str, Any] = {name: digest_of(name, values) for name, values in static.items()}
        parts |= {name: [] for name in self._variables}
        if self._probabilities:
            parts["probabilities"] = [digest_of("probabilities", np.full(self._probabilities, np.nan, dtype=np.float16))]
        group.update_attributes({**self._settings, "samples": self._samples})
        _enter(group, 0, parts)
        return building

    def _put(self, building: Path) -> zarr.Group:
        """Put what was built into its place; what was there is lost only after that."""
        shutil.rmtree(self._aside, ignore_errors=True)
        if self.path.exists():
            self.path.rename(self._aside)
        building.rename(self.path)
        shutil.rmtree(self._aside, ignore_errors=True)
        return zarr.open_group(self.path, mode="r+")

    def _chunk_length(self, itemsize: int) -> int:
        """Epochs in a chunk: few chunks of at most CHUNK_BYTES, about equally long."""
        longest = max(1, CHUNK_BYTES // (itemsize * self._samples))
        chunks = -(-self._epochs // longest)
        return -(-self._epochs // chunks)


def _one_nan(values: NDArray[Any]) -> NDArray[Any]:
    """The values with NaN of the usual bits: zarr leaves a chunk out if it holds no other values, whatever their bits are."""
    return values if values.dtype.kind != "f" else np.where(np.isnan(values), values.dtype.type(np.nan), values)


def _enter(group: zarr.Group, epochs_done: int, parts: Mapping[str, Any]) -> None:
    """Write, in one step, how many rows are valid and the digests of all parts."""
    entered = {"epochs_done": epochs_done, PARTS: dict(parts)}
    group.update_attributes({**entered, OWN: own_digest({**group.attrs, **entered})})
