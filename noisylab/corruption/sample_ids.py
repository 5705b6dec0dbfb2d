"""Which row belongs to which sample: by file names, by positions, or by the index of pandas' tables."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from noisylab.core.checks import shown
from noisylab.corruption.label_tables import as_whole

P = ParamSpec("P")
R = TypeVar("R")

Place = Callable[[int], str]


def rows_by_position(ids: Sequence[Any], positions: NDArray[np.int64], place: Place, *, asked: bool) -> NDArray[np.int64]:
    """The row of each sample, if `ids` are positions in the data set.

    Args:
        ids: The id of each row.
        positions: int[N], the positions of the samples.
        place: Says where a row stands.
        asked: Whether the ids were said to be positions. If not, they must be those of the samples, or count all rows.

    Raises:
        ValueError: For ids that are repeated, are no positions, or miss a sample.
    """
    whole = [as_whole(value) for value in ids]
    for row, value in enumerate(whole):
        if value is None:
            raise ValueError(f"has {ids[row]!r} in {place(row)}, which is no position of a sample")
    refuse_repeated(whole, ids, place)
    found = np.array(whole, dtype=np.int64)
    order = np.argsort(found)
    ordered, count = found[order], len(found)
    at = np.minimum(np.searchsorted(ordered, positions), count - 1)
    is_there = ordered[at] == positions
    is_part = not np.array_equal(positions, np.arange(len(positions)))
    if np.array_equal(ordered, np.unique(positions)):
        return np.asarray(order[at])
    first = int(order[0])
    if np.array_equal(ordered, np.arange(count) + 1):
        raise ValueError(f"counts from 1 ({ids[first]!r} in {place(first)}), and samples are counted from 0: subtract 1")
    if not is_there.all():
        raise ValueError(f"has no row for sample {positions[int(np.argmin(is_there))]}")
    if is_part and (asked or np.array_equal(ordered, np.arange(count))):
        return np.asarray(order[at])
    row = int(np.argmin(np.isin(found, positions)))
    last = f"{positions.max()}" if not is_part else f"{positions.max()}, not all of them"
    raise ValueError(f"has {ids[row]!r} in {place(row)}, and the samples are {positions.min()} to {last}")


def rows_by_name(ids: Sequence[Any], names: Sequence[str], place: Place, *, asked: bool, count: int) -> NDArray[np.int64]:
    """The row of each sample, if `ids` are file names: by all of the path, or else by as many last parts as both have.

    Args:
        ids: The file of each row.
        names: str[N], the file of each sample.
        place: Says where a row stands.
        asked: Whether the ids were said to be files. If so, rows of other files are left out.
        count: The least number of samples of the data set that these samples are from.

    Raises:
        ValueError: For files that are repeated, are no samples, or miss a sample.
    """
    files, wanted = [_parts(value) for value in ids], [_parts(name) for name in names]
    refuse_repeated(files, ids, place)
    for key in _keys(min(map(len, wanted))):
        rows: dict[Any, int] = {}
        twice: dict[Any, int] = {}
        for row, parts in enumerate(files):
            if rows.setdefault(key(parts), row) != row:
                twice[key(parts)] = row
        keys = [key(parts) for parts in wanted]
        missing = [at for at, name in enumerate(keys) if name not in rows]
        # What is found by more of its path must not be sought by less: another file may have the same last part.
        if len(missing) < len(keys):
            break
    if missing:
        raise ValueError(f"has no row for the sample {str(names[missing[0]])!r}")
    doubtful = next((name for name in keys if name in twice), None)
    if doubtful is not None:
        both = " and ".join(f"{ids[row]!r} in {place(row)}" for row in (rows[doubtful], twice[doubtful]))
        raise ValueError(f"has {both}: which is the sample {str(names[keys.index(doubtful)])!r}?")
    if len(set(keys)) < len(keys) or (key is not _whole and len(files) < count):
        raise ValueError("names files by the end of their path, which several samples may have in common")
    chosen = np.array([rows[name] for name in keys], dtype=np.int64)
    extra = np.setdiff1d(np.arange(len(files)), chosen)
    if len(extra) and not asked and len(names) == count:
        raise ValueError(f"has {ids[extra[0]]!r} in {place(int(extra[0]))}, which is no sample of the data")
    return chosen


def _parts(name: Any) -> tuple[str, ...]:
    return tuple(part for part in str(name).strip().replace("\\", "/").split("/") if part not in ("", ".")) or ("",)


def _keys(depth: int) -> list[Callable[[tuple[str, ...]], Any]]:
    """What two names of one file may have in common, from all of the path to its last part without the ending."""
    return [_whole, *(functools.partial(_last, parts) for parts in range(depth, 0, -1)), _stem]


def _whole(parts: tuple[str, ...]) -> Any:
    return parts


def _last(number: int, parts: tuple[str, ...]) -> Any:
    return parts[-number:]


def _stem(parts: tuple[str, ...]) -> Any:
    stem, _, ending = parts[-1].rpartition(".")
    return stem or ending


def refuse_repeated(keys: Sequence[Any], ids: Sequence[Any], place: Place) -> None:
    """Raise ValueError if two of the keys are equal. ids: what the file says, for the message."""
    first: dict[Any, int] = {}
    for row, key in enumerate(keys):
        before = first.setdefault(key, row)
        if before != row:
            raise ValueError(f"has {ids[row]!r} twice, in {place(before)} and {place(row)}; keep one row for each sample")


def joined_by_index(function: Callable[P, R]) -> Callable[P, R]:
    """Bring pandas Series and tables among the arguments of `function` into the order of the first one, by their index.

    Raises ValueError if their indexes differ and do not say safely how rows belong together. Arrays go by position.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if sum(map(_is_indexed, (*args, *kwargs.values()))) < 2:
            return function(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.arguments.update(in_one_order(bound.arguments))
        return function(*bound.args, **bound.kwargs)

    return wrapper


def in_one_order(values: dict[str, Any]) -> dict[str, Any]:
    """The values of the dict, with those that have an index of pandas in the order of the first of them."""
    indexed = {name: value for name, value in values.items() if _is_indexed(value)}
    if len(indexed) < 2:
        return values
    first, *others = indexed
    index = indexed[first].index
    aligned = dict(values)
    for name in others:
        other = indexed[name].index
        if index.equals(other):
            continue
        way = f"pass {first}.to_numpy() and {name}.to_numpy() if both are in one order"
        if len(index) != len(other) or not (index.is_unique and other.is_unique) or not index.isin(other).all():
            raise ValueError(f"{first} and {name} have different indexes ({_some(index)} and {_some(other)}); {way}")
        if _is_plain(index) or _is_plain(other):
            # The index 0 to N - 1 may name samples, or only count the rows of an array.
            raise ValueError(
                f"{first} and {name} have one index in different orders ({_some(index)} and {_some(other)}); "
                f"pass {name}.loc[{first}.index] to join them by it, or {way}"
            )
        aligned[name] = indexed[name].loc[index]
    return aligned


def _is_indexed(value: Any) -> bool:
    """Whether a value is a Series or a table of pandas."""
    return hasattr(value, "iloc") and hasattr(getattr(value, "index", None), "equals")


def has_own_index(value: Any) -> bool:
    """Whether a value has an index of pandas that is not 0 to N - 1 in order."""
    return _is_indexed(value) and not _is_plain(value.index)


def _is_plain(index: Any) -> bool:
    array = np.asarray(index)
    return array.dtype.kind in "iu" and np.array_equal(array, np.arange(len(array)))


def _some(index: Any) -> str:
    return shown(np.asarray(index)[:3].tolist())[1:-1] + (", ..." if len(index) > 3 else "")
