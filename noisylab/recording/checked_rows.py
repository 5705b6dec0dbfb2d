"""Rows of records that are compared with their digests when they are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from noisylab.recording.digests import DamagedError, digest_of


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
