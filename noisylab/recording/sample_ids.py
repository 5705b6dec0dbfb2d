"""The names of samples, in any type that people have them in."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_sample_ids(ids: ArrayLike) -> NDArray[Any]:
    """The names of samples as an array [N] of integers or of texts (see `plain_names`), none twice.

    Raises ValueError for a name that occurs twice, with its positions.
    """
    array = plain_names(ids, "sample_ids")
    order = np.argsort(array, kind="stable")
    again = np.flatnonzero(array[order][1:] == array[order][:-1])
    if len(again):
        first, second = order[again[0]], order[again[0] + 1]
        raise ValueError(
            f"sample_ids must be different, got {array[first].item()!r} at positions {first} and {second}; if several data "
            "sets have the same ids, put the name of its data set before each"
        )
    return array


def plain_names(names: ArrayLike, what: str) -> NDArray[Any]:
    """`names` as an array [N] of integers or of texts.

    They may come as a column [N, 1], and as objects: texts, bytes, paths or integers. Raises ValueError for others, with the
    value and its position.
    """
    if hasattr(names, "detach"):
        names = names.detach().cpu()
    # NumPy would make texts of the numbers in a list of both.
    array = np.array(names, dtype=object) if isinstance(names, list | tuple) else np.asarray(names)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional, got an array of shape {array.shape}")
    if array.dtype.kind in "iuU":
        return array
    plain = [_plain(value) for value in array.tolist()]
    wrong = next((place for place, value in enumerate(plain) if value is None or type(value) is not type(plain[0])), None)
    if wrong is not None:
        advice = (
            "; astype(int) makes integers of whole numbers"
            if array.dtype.kind == "f"
            else "; [str(id) for id in ids] are texts"
        )
        raise ValueError(f"{what} must be all integers or all texts, got {array[wrong]!r} at position {wrong}{advice}")
    return np.array(plain, dtype=str if plain and isinstance(plain[0], str) else np.int64)


def find_positions(names: NDArray[Any], places: Mapping[Any, int]) -> NDArray[np.int64]:
    """int64[B], where `places` has each of the names. Raises ValueError for a name that it lacks."""
    found = [places.get(name, -1) for name in names.tolist()]
    if -1 in found:
        entry = found.index(-1)
        known = ", ".join(repr(name) for name in list(places)[:3])
        raise ValueError(f"{names[entry].item()!r}, at entry {entry}, is none of the {len(places)} sample_ids, such as {known}")
    return np.array(found, dtype=np.int64)


def _plain(value: Any) -> int | str | None:
    """An integer, or the text of a text, of bytes or of a path; None for anything else, or what an array cannot hold."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value) if -(2**63) <= value < 2**63 else None
    if isinstance(value, os.PathLike | bytes):
        try:
            value = os.fspath(value) if isinstance(value, os.PathLike) else value.decode()
        except UnicodeDecodeError:
            return None
    # NumPy drops null characters at the end.
    return str(value) if isinstance(value, str) and not value.endswith("\0") else None
