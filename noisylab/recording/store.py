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
from noisylab.recording.records import FILE

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
        # What is kept and not written yet: the number of rows with those in the chunks, and the mean probabilities.
        self._kept: int | None = None
        self._mean: NDArray[Any] | None = None

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
            self._chunks[name][1][epoch - start] = values
        self._kept, self._mean = epoch + 1, probabilities

    def write(self) -> None:
        """Write what is kept."""
        if self._kept is None:
            return
        # Whole chunks are written from memory, since a part of one would have to be read first.
        for name, (start, chunk) in self._chunks.items():
            self._arrays[name][start : start + len(chunk)] = chunk
        if self._mean is not None:
            self._group["probabilities"][:] = self._mean
        self._group.attrs["epochs_done"] = self._kept
        self._kept = None

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
        self._chunks = {}

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
            group = zarr.open_group(self.path, mode="r+")
        # A damaged file can raise almost anything.
        except Exception as error:
            raise ValueError(f"{str(self.path)!r} cannot be read ({error}); overwrite=True deletes it") from error
        done, held = int(group.attrs.get("epochs_done", 0)), group.attrs.get("epochs")
        if not resume:
            raise ValueError(
                f"{str(self.path)!r} holds {done} of {held} epochs of an earlier recording; resume=True goes on after them, in "
                "a loop over range(recorder.epoch, epochs) with the model that made them; overwrite=True deletes them"
            )
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
        if self._probabilities:
            copy["probabilities"][:] = group["probabilities"][:]
        copy.attrs["epochs_done"] = done
        return self._put(building)

    def _build(self) -> Path:
        """Make empty records beside their place, so that what is in it is complete."""
        building = self.path.with_name(f".{self.path.name}.partial")
        shutil.rmtree(building, ignore_errors=True)
        make_output(building.parent)
        group = zarr.create_group(building)
        # A shard is mostly empty, because other processes have the other samples.
        codecs = [Crc32cCodec()] if self._settings["shards"] == 1 else [ZstdCodec(level=1), Crc32cCodec()]
        for name, values in {**self._static, "epoch": np.arange(self._epochs, dtype=np.int32)}.items():
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
        group.update_attributes({**self._settings, "epochs_done": 0})
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
