"""Classes by name and by number: how labels that are names are numbered, and how a class is chosen."""

import difflib
import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.validation import label_array


def number_labels(labels: ArrayLike) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Number labels that are names or booleans: the numbers, and the names in `class_order`.

    Other labels are returned as they are, with None.
    """
    array = label_array(labels)
    values = array.tolist() if array.dtype.kind in "OUb" else []
    wrong = next((place for place, value in enumerate(values) if not isinstance(value, str)), None)
    if wrong is not None and any(isinstance(value, str) for value in values):
        numbers = [place for place, value in enumerate(values) if not isinstance(value, str)]
        texts_at = [place for place, value in enumerate(values) if isinstance(value, str)]
        odd = min(numbers, texts_at, key=len)[0]
        raise ValueError(f"labels must be all names or all numbers, got {values[odd]!r} at position {odd}")
    if not values or not (wrong is None or all(isinstance(value, bool | np.bool_) for value in values)):
        return array, None
    texts = [str(value) for value in values]
    names = class_order(texts)
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[text] for text in texts], dtype=np.int64), names


def numbered_by(labels: ArrayLike, names: tuple[str, ...] | None) -> NDArray[Any]:
    """`number_labels` in the order of `names`. Numbers are numbers of classes, or names if those are other numbers.

    Raises ValueError for a name that is not among them, and for numbers that may be either.
    """
    numbers, found = number_labels(labels)
    places = {name: place for place, name in enumerate(names or ())}
    if found is not None:
        known = len(places) == len(names or ()) and places.keys() >= set(found)
        own = [places[name] if known else number_class(name, names) for name in found]
        return np.asarray(np.array(own, dtype=np.int64)[numbers])
    if names is None or numbers.dtype.kind not in "iu" or not numbers.size or not have_other_numbers(names):
        return numbers
    held = np.unique(numbers).tolist()
    if not all(str(number) in places for number in held):
        return numbers
    if all(0 <= number < len(names) for number in held):
        raise ValueError(
            f"labels such as {held[0]} may be names of classes ({shortened(names)}) or their numbers (0 to {len(names) - 1}); "
            f"give names as text, as in a .json file of texts such as [{str(held[0])!r}]"
        )
    return np.array([places[str(number)] for number in held])[np.searchsorted(held, numbers)]


def number_class(value: Any, names: tuple[str, ...] | None) -> Any:
    """The number of a class given by name; a number as it is. Raises ValueError for an unknown name, or that of several."""
    if isinstance(value, bool | np.bool_) and names is not None:
        value = str(value)
    if not isinstance(value, str):
        return value
    if names is None:
        raise ValueError(f"classes can be named only if their names are known, got {value!r}; pass class_names=")
    if value not in names:
        number = f"; class number {value} is {value} without quotes" if value in map(str, range(len(names))) else ""
        raise ValueError(f"{value!r} is not a class; the classes are {shortened(names, value)}{number}")
    if names.count(value) > 1:
        several = " and ".join(str(number) for number, name in enumerate(names) if name == value)
        raise ValueError(f"{value!r} is the name of several classes, {several}; give the number")
    return names.index(value)


def chosen_class(value: Any, names: tuple[str, ...] | None) -> Any:
    """`number_class` of a class that a user chose. Raises ValueError for a number that may be meant as another class's name.

    If classes are named by other numbers than their own ("1" to "10"), a number says too little, so they are chosen by name.
    """
    if names is None or isinstance(value, bool) or not isinstance(value, int | np.integer):
        return number_class(value, names)
    text, own = str(value), names[int(value)] if 0 <= value < len(names) else None
    if text == own or not (text in names or have_other_numbers(names)):
        return value
    named = f"{text!r} for the class of that name" if text in names else ""
    counted = "" if own is None else f"{own!r} for class number {value}"
    way = ", or ".join(filter(None, [named, counted]))
    raise ValueError(
        f"class {value} may be a name or a number, since the classes are {shortened(names)}; "
        f"give classes as text{f': {way}' if way else ''}"
    )


@functools.lru_cache(maxsize=8)
def have_other_numbers(names: tuple[str, ...]) -> bool:
    """Whether classes are named by numbers that are not their own, such as "1" to "10"."""
    return all(map(is_number, names)) and any(Fraction(name.strip()) != number for number, name in enumerate(names))


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """The different names in the order of classes: by number if all are numbers, so that "10" comes after "9", else as text.

    Raises ValueError if two names are spellings of one number.
    """
    ordered = sorted(set(names))
    if not all(map(is_number, ordered)):
        return tuple(ordered)
    ordered.sort(key=lambda name: Fraction(name.strip()))
    for one, other in itertools.pairwise(ordered):
        if Fraction(one.strip()) == Fraction(other.strip()):
            raise ValueError(
                f"the classes {one!r} and {other!r} are one number in two spellings; write it alike, or add a letter"
            )
    return tuple(ordered)


def is_number(name: str) -> bool:
    """Whether a name is a decimal number, such as "7", "007", "-1" or "1.5"."""
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", name.strip()) is not None


def shortened(names: Sequence[str], wanted: str | None = None, most: int = 10) -> str:
    """The names in their order, separated by commas; of more than `most` the first, and those similar to `wanted`."""
    if len(names) <= most:
        return ", ".join(names)
    similar = difflib.get_close_matches(wanted, names, n=3) if wanted else []
    close = f"; similar: {', '.join(dict.fromkeys(similar))}" if similar else ""
    return f"{', '.join(names[: most - 2])}, ..., {names[-1]} ({len(names)} classes{close})"


def check_class_names(names: Sequence[Any]) -> None:
    """Raise ValueError, naming value and class, unless all names are different texts that a reader can see."""
    places: dict[str, int] = {}
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise ValueError(f"class names must be texts, got {name!r} for class {number}; write [str(name) for name in names]")
        if not name.strip():
            raise ValueError(f"class names must not be empty, got {name!r} for class {number}; name it, for instance 'unnamed'")
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise ValueError(f"class names must be text, got {name!r} for class {number}, whose bytes are not UTF-8; rename it")
        if places.setdefault(name, number) != number:
            raise ValueError(
                f"class names must be different, got {name!r} for class {places[name]} and for class {number}; "
                f"rename one, for instance to {f'{name} {number}'!r}"
            )
