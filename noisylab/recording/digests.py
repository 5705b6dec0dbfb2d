"""Digests of records, so that what is read is what was written: no lost, foreign or changed part passes for data.

The attributes of the file hold a SHA-256 of every part (`PARTS`): of the values, as they are read, of a variable in each chunk
of epochs, so that rows which were written after them do not matter; and one of the attributes themselves (`OWN`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

PARTS, OWN = "sha256", "sha256_attributes"


class DamagedError(ValueError):
    """Records that are not what was written."""

    def __init__(
        self, path: Path, part: str, remedy: str = "record again, or run the same sweep again, which redoes it"
    ) -> None:
        super().__init__(f"{str(path)!r} is damaged: {part}; {remedy}")
        self.path, self.part, self.remedy = path, part, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.part, self.remedy)


def begun(name: str, dtype: np.dtype[Any], samples: int) -> "hashlib._Hash":
    """The digest of a variable's rows in a chunk, before the first of them; every row's bytes follow."""
    return hashlib.sha256(f"{name} {dtype.str} {samples}\n".encode())


def digest_of(name: str, values: NDArray[Any]) -> str:
    """SHA-256 of rows [E, N] of one chunk, or of an array that is a single part, with name, type and shape."""
    found = begun(name, values.dtype, values.shape[-1])
    found.update(values.tobytes())
    return found.hexdigest()


def chunk_digests(name: str, array: Any, epochs: int) -> list[str]:
    """The digests of a zarr array's first `epochs` rows, one for each of its chunks."""
    length = array.chunks[0]
    return [digest_of(name, np.asarray(array[start : min(start + length, epochs)])) for start in range(0, epochs, length)]


def own_digest(attributes: Mapping[str, Any]) -> str:
    """SHA-256 of attributes, which with `PARTS` is one of everything."""
    held = {name: value for name, value in attributes.items() if name != OWN}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def rows_digest(parts: Mapping[str, Any], hashes: Mapping[str, "hashlib._Hash"]) -> str:
    """SHA-256 of labels and rows, whatever their chunks. hashes: of each variable's rows, made with `begun`."""
    held = {name: parts[name] for name in ("sample", "given", "true")} | {n: h.hexdigest() for n, h in hashes.items()}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


class _Checked(BackendArray):
    """An array [E, N] of which whole chunks of epochs are read and compared with their digests."""

    def __init__(self, path: Path, name: str, array: Any, epochs: int, digests: Sequence[Sequence[str]], length: int) -> None:
        self._path, self._name, self._array, self._digests, self._length = path, name, array, digests, length
        self.shape, self.dtype = (epochs, *array.shape[1:]), array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        wanted = np.arange(self.shape[0])[key[0]]
        rows = np.atleast_1d(wanted)
        chunks = {number: self._chunk(number)[:, key[1]] for number in np.unique(rows // self._length).tolist()}
        if not chunks:
            return np.empty((0, self.shape[1]), dtype=self.dtype)[:, key[1]]
        if len(chunks) == 1:
            ((number, values),) = chunks.items()
            return np.asarray(values[wanted - number * self._length])
        taken = [chunk[rows[rows // self._length == number] - number * self._length] for number, chunk in chunks.items()]
        # Rows of an index need not be in order.
        order = np.argsort(rows // self._length, kind="stable")
        result = np.concatenate(taken)
        return result if np.array_equal(order, np.arange(len(order))) else result[np.argsort(order, kind="stable")]

    def _chunk(self, number: int) -> NDArray[Any]:
        start = number * self._length
        stop = min(start + self._length, self.shape[0])
        where = self._name if self._name == "probabilities" else f"{self._name} in epochs {start} to {stop - 1}"
        try:
            values = np.asarray(self._array[start:stop])
        # A damaged chunk can raise almost anything.
        except Exception as error:
            raise DamagedError(self._path, f"{where} cannot be read") from error
        if digest_of(self._name, values) not in self._digests[number]:
            raise DamagedError(self._path, f"{where} is not what was written")
        return values


def checked(
    path: Path, name: str, array: Any, dims: tuple[str, str], rows: int, digests: Sequence[Sequence[str]], length: int
) -> xarray.Variable:
    """The first `rows` rows of an array, read chunk by chunk and compared with the digests when they are used.

    digests: for each chunk of `length` rows, those that it can have.
    """
    return xarray.Variable(dims, indexing.LazilyIndexedArray(_Checked(path, name, array, rows, digests, length)))
