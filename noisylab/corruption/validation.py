"""Checks of the arguments of the corruption functions. Every message names the value and what was expected."""

import hashlib
import operator
from collections.abc import Callable, Iterable
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _position(at: int) -> str:
    return f"position {at}"


def check_labels(
    labels: ArrayLike, num_classes: int | None = None, *, place: Callable[[int], str] = _position
) -> tuple[NDArray[np.int64], int]:
    """The labels as a new int64[N] array, and the number of classes (largest label + 1 if not given).

    place: Says in messages where a label is.
    """
    array = label_array(labels)
    if array.size == 0:
        raise ValueError("labels must hold at least one label, got an empty array")
    array = _integers(array, place)
    low, high = int(array.min()), int(array.max())
    if low < 0:
        said = f"labels must not be negative, got {low} at {place(int(array.argmin()))}"
        if low == -1:
            count = int((array < 0).sum())
            said += f" ({count} such labels)" if count > 1 else ""
            said += "; if -1 means that a sample has no label, leave it out, as in labels[labels >= 0]"
        raise ValueError(said)
    if num_classes is None:
        num_classes = high + 1
    classes = check_integer("num_classes", num_classes, minimum=1)
    if high >= classes:
        counted = "; classes are counted from 0" if low > 0 and high == classes else ""
        raise ValueError(f"labels must be below num_classes = {classes}, got {high} at {place(int(array.argmax()))}{counted}")
    return array.astype(np.int64), classes


def label_array(labels: ArrayLike) -> NDArray[Any]:
    """The labels as an array [N]; one of shape [N, 1] is flattened. Raises ValueError for any other shape."""
    try:
        array = np.asarray(labels)
    except ValueError:
        raise ValueError("labels must be one for each sample, got lists of different lengths") from None
    if array.ndim == 2 and array.shape[1] == 1:
        return array.ravel()
    if array.ndim == 1:
        return array
    said = f"labels must be one-dimensional, got an array of shape {array.shape}"
    if array.ndim == 2 and array.shape[0] == 1:
        raise ValueError(f"{said}; pass labels[0]")
    if array.ndim == 2 and array.size and array.dtype.kind in "iufb" and (array >= 0).all():
        if np.array_equal(array.max(axis=1), array.sum(axis=1)) and (array.max(axis=1) == 1).all():
            raise ValueError(f"{said}: they are one-hot, and labels.argmax(axis=1) makes them numbers")
        if array.dtype.kind == "f" and np.allclose(array.sum(axis=1), 1, atol=1e-3):
            raise ValueError(f"{said}: they are probabilities, and labels.argmax(axis=1) takes the likeliest class")
    raise ValueError(said)


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, or a missing value of pandas."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _integers(array: NDArray[Any], place: Callable[[int], str]) -> NDArray[Any]:
    """The array if it holds only whole numbers; objects become int64. Raises ValueError otherwise."""
    if array.dtype.kind in "iu":
        return array
    values = array.tolist()
    missing = [at for at, value in enumerate(values) if _is_missing(value)] if array.dtype.kind in "fOmM" else []
    if missing:
        got = "NaN" if isinstance(values[missing[0]], float) else repr(values[missing[0]])
        more = f" ({len(missing)} such labels)" if len(missing) > 1 else ""
        raise ValueError(f"labels must be integers, got {got} at {place(missing[0])}{more}; leave out samples without a label")
    at = 0
    if array.dtype.kind == "O":
        wrong = [at for at, value in enumerate(values) if isinstance(value, bool | np.bool_) or not isinstance(value, Integral)]
        if not wrong:
            return np.array([int(value) for value in values], dtype=np.int64)
        at = wrong[0]
    elif array.dtype.kind == "f":
        at = int(np.argmax(array != np.round(array)))
    kind = array.dtype if array.dtype.kind in "fb" else type(values[at]).__name__
    way = ""
    if isinstance(values[at], str):
        way = "; names, labels = np.unique(labels, return_inverse=True) numbers them"
    elif array.dtype.kind == "b":
        way = "; labels.astype(int) makes False class 0 and True class 1"
    elif array.dtype.kind == "f" and (array == np.round(array)).all():
        way = "; they are whole numbers, so labels.astype(int) will do"
    raise ValueError(f"labels must be integers, got {kind} values such as {values[at]!r} at {place(at)}{way}")


def check_true_labels(labels: ArrayLike, num_classes: int | None = None, *others: int) -> tuple[NDArray[np.int64], int]:
    """`check_labels`; if the number of classes is not given, every class up to the largest label must occur.

    Otherwise labels that start at 1 would have an unintended class 0, and noise would give it to some samples. others: classes
    that are known to exist even if no label has them.
    """
    array, classes = check_labels(labels, num_classes)
    if num_classes is not None:
        return array, classes
    classes = max([classes, *(other + 1 for other in others)])
    # Counting takes a tenth of the time of sorting, unless labels are as large as identifiers.
    found = np.flatnonzero(np.bincount(array)) if classes <= len(array) + 1000 else np.unique(array)
    check_every_class(np.union1d(found, np.array(others, dtype=np.int64)), classes)
    return array, classes


def check_every_class(found: NDArray[np.int64], classes: int) -> None:
    """Raise ValueError if one of `classes` classes is not in the sorted `found`."""
    if len(found) == classes:
        return
    # Labels may be as large as identifiers, so make no array over all classes.
    ahead = np.flatnonzero(np.diff(found, prepend=-1) > 1)[:5]
    missing = [c for at in ahead for c in range(int(found[at - 1]) + 1 if at else 0, int(found[at]))[:5]][:5]
    more = ", ..." if classes - len(found) > len(missing) else ""
    raise ValueError(
        f"labels must hold every class from 0 to {classes - 1}, got none of class {', '.join(map(str, missing))}{more}: pass "
        f"num_classes={classes} if there are such classes, or number the labels from 0 without gaps by "
        "labels = np.unique(labels, return_inverse=True)[1]; labels as text (np.array(labels).astype(str)) are numbered here, "
        "and the record keeps them as class names"
    )


def check_integer(name: str, value: Any, *, minimum: int = 0) -> int:
    """`value` as an int of at least `minimum`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_) or number < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return number


def check_classes(classes: Any, num_classes: int) -> list[int]:
    """The chosen classes as a sorted list without repetitions. Raises ValueError for none."""
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise ValueError(f"classes must be a list of classes, e.g. [{classes}], got {classes!r}")
    chosen = sorted({check_integer("class", c) for c in classes})
    if not chosen:
        raise ValueError("classes must name at least one class, got none")
    outside = [c for c in chosen if c >= num_classes]
    if outside:
        verb = "is not a class" if len(outside) == 1 else "are not classes"
        raise ValueError(
            f"classes must be among the {num_classes} classes 0 to {num_classes - 1}: {', '.join(map(str, outside))} {verb}"
        )
    return chosen


def check_transition(matrix: ArrayLike) -> NDArray[np.float64]:
    """The transition matrix as float64[C, C] with rows that sum to 1."""
    try:
        rows = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"matrix must be a square array of numbers, got {matrix!r}") from None
    if rows.ndim != 2 or rows.shape[0] != rows.shape[1] or not rows.size:
        raise ValueError(f"matrix must be square (classes x classes), got shape {rows.shape}")
    if not np.isfinite(rows).all() or rows.min() < 0 or rows.max() > 1 + 1e-6:
        position = np.unravel_index(int(np.argmin(np.where((rows >= 0) & (rows <= 1 + 1e-6), 1, 0))), rows.shape)
        raise ValueError(
            f"matrix entries must be probabilities in [0, 1], got {rows[position]} at [{position[0]}, {position[1]}]"
        )
    off = np.abs(rows.sum(axis=1) - 1)
    if off.max() > 1e-6:
        row = int(off.argmax())
        problem = f"matrix rows must sum to 1 (row = true class, column = given class), got {rows[row].sum():.6g} in row {row}"
        if np.abs(rows.sum(axis=0) - 1).max() <= 1e-6:
            problem += "; its columns do sum to 1, so it is the transpose of what is expected: pass matrix.T"
        raise ValueError(problem)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def check_features(features: ArrayLike, count: int) -> NDArray[np.generic]:
    """The features as number[N, ...], finite, with one row per sample."""
    array = np.asarray(features)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"features must be numbers, got {array.dtype}")
    if array.ndim < 2 or len(array) != count or not array.size:
        raise ValueError(f"features must have a row for each of the {count} labels, got an array of shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array.sum()) and not np.isfinite(array).all():
        raise ValueError("features must be finite, got NaN or infinity")
    return array


def check_posteriors(posteriors: ArrayLike, count: int, classes: int | None) -> NDArray[np.float64]:
    """The class probabilities as float64[N, C] with rows that sum to 1."""
    array = np.asarray(posteriors)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"posteriors must be probabilities, got {array.dtype}")
    if array.ndim != 2 or len(array) != count or (classes is not None and array.shape[1] != classes):
        expected = f"({count}, {'classes' if classes is None else classes})"
        raise ValueError(f"posteriors must have shape {expected}, got {array.shape}")
    rows = array.astype(np.float64)
    if not np.isfinite(rows).all() or rows.min() < 0:
        raise ValueError("posteriors must be finite and not negative; pass probabilities, not logits")
    off = np.abs(rows.sum(axis=1) - 1)
    if off.max() > 1e-3:
        raise ValueError(f"posteriors must sum to 1 in every row, got {rows[off.argmax()].sum():.6g} in row {off.argmax()}")
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def check_positions(positions: ArrayLike, rows: int) -> NDArray[np.int64]:
    """`positions` as int64[N]. Raises ValueError if one is outside of `rows` rows."""
    place = np.asarray(positions)
    if place.ndim != 1 or place.dtype.kind not in "iu" or (place.size and not 0 <= place.min() <= place.max() < rows):
        among = f"{place.min()} to {place.max()} " if place.size else ""
        raise ValueError(f"it has {rows} rows, which do not hold the positions {among}of these samples")
    return place.astype(np.int64)


def read_array(value: ArrayLike | str | PathLike[str], name: str) -> NDArray[Any]:
    """`value` as an array; a path is read as a `.npy` file without pickles."""
    if not isinstance(value, str | PathLike):
        return np.asarray(value)
    try:
        return np.asarray(np.load(value, allow_pickle=False))
    except FileNotFoundError:
        raise ValueError(f"{name}: no file {str(value)!r}") from None
    except Exception as error:
        raise ValueError(f"{name}: {str(value)!r} is not a .npy file of plain numbers: {error}") from error


def read_rows(
    value: ArrayLike | str | PathLike[str], name: str, *, positions: ArrayLike | None = None
) -> tuple[NDArray[Any], dict[str, str]]:
    """`read_array`, and the facts about its file for a record.

    A file covers the whole data set, so only its rows at `positions` are returned, if positions are given.
    """
    rows = read_array(value, name)
    if not isinstance(value, str | PathLike):
        return rows, {}
    said = _of_file(value, name, rows)
    if positions is None:
        return rows, said
    try:
        return np.asarray(rows[check_positions(positions, len(np.atleast_1d(rows)))]), said
    except ValueError as error:
        raise ValueError(f"{name}: {str(value)!r} must have a row for every sample of the data set: {error}") from None


def read_matrix(value: ArrayLike | str | PathLike[str]) -> tuple[ArrayLike, dict[str, str]]:
    """A matrix; a path is read as a `.npy` or `.csv` file. And the facts about that file for a record."""
    if not isinstance(value, str | PathLike):
        return value, {}
    if Path(value).suffix.lower() not in (".npy", ".csv"):
        raise ValueError(f"matrix must be an array, or a file that ends in .npy or .csv, got {str(value)!r}")
    if Path(value).suffix.lower() == ".npy":
        rows = read_array(value, "matrix")
    else:
        try:
            rows = np.loadtxt(value, delimiter=",", ndmin=2, encoding="utf-8-sig")
        except FileNotFoundError:
            raise ValueError(f"matrix: no file {str(value)!r}") from None
        except ValueError as error:
            raise ValueError(f"matrix: {str(value)!r} is not rows of numbers separated by commas: {error}") from error
    return rows, _of_file(value, "matrix", rows)


def _of_file(path: str | PathLike[str], name: str, rows: NDArray[Any]) -> dict[str, str]:
    """The facts about a file for a record: its path, and the SHA-256 of its content."""
    total = hashlib.sha256(f"{rows.shape}".encode())
    total.update(rows.ravel().view(np.uint8).data)
    return {name: str(path), f"{name}_digest": total.hexdigest()}
