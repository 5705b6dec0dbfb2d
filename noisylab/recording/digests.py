"""Digests of records, so that what is read is what was written: no lost, foreign or changed part passes for data.

The attributes of the file hold a SHA-256 of every part (`PARTS`): of the values, as they are read, of a variable in each chunk
of epochs, so that rows which were written after them do not matter; and one of the attributes themselves (`OWN`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
