"""Classes by name: labels as text, and names wherever a kind takes classes."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption.class_numbers import chosen_class, class_order, number_labels, numbered_by, shortened
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.sample_ids import in_one_order

# Options with an entry for each class; others may have one for each sample.
BY_CLASS = ("mapping", "classes", "groups", "matrix")

Kind = TypeVar("Kind", bound=Callable[..., NoisyLabels])


def named_classes(kind: Kind) -> Kind:
    """Let a kind take labels and chosen classes by name as well as by number; the record keeps `class_names`.

    Classes are chosen in `mapping`, `classes` and `groups`, and by the rows and columns of a table.
    """
    signature = inspect.signature(kind)

    @functools.wraps(kind)
    def wrapper(*args: Any, class_names: tuple[str, ...] | None = None, **kwargs: Any) -> NoisyLabels:
        given = signature.bind(*args, **kwargs).arguments
        given |= given.pop("inputs", {})
        given |= in_one_order({name: value for name, value in given.items() if name not in BY_CLASS})
        found = None if given.get("labels") is None else number_labels(given["labels"])[1]
        names = found if class_names is None else tuple(class_names)
        if found is not None:
            given["labels"] = numbered_by(given["labels"], names)
        # Records that are combined may have names.
        for record in [value for value in given.values() if isinstance(value, NoisyLabels)]:
            check_same_order(names, record)
            names = names or record.class_names
        if names is not None and ("num_classes" in signature.parameters or "inputs" in signature.parameters):
            if given.setdefault("num_classes", len(names)) not in (None, len(names)):
                raise ValueError(f"num_classes must be {len(names)}, the number of class names, got {given['num_classes']!r}")
            given["num_classes"] = len(names)
        _number_options(given, names)
        if signature.parameters.keys() & {"inputs", "class_names"} and names is not None:
            given["class_names"] = names
        made = kind(**given)
        return made if names is None or made.class_names == names else replace(made, class_names=names)

    by_name = inspect.Parameter("class_names", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "class_names"]
    end = len(parameters) - int(parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
    wrapper.__signature__ = signature.replace(parameters=[*parameters[:end], by_name, *parameters[end:]])  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]


def check_same_order(names: tuple[str, ...] | None, record: NoisyLabels) -> None:
    """Raise ValueError if a record has these classes in another order, so that its numbers mean other classes."""
    other = record.class_names
    if names is not None and other is not None and other != names and set(other) == set(names):
        raise ValueError(
            f"the record has its classes in the order {shortened(other)}, and the labels in the order {shortened(names)}; "
            "make it from labels in this order"
        )


def rate_in_text_order(true: NDArray[np.int64], given: NDArray[np.int64], names: tuple[str, ...] | None) -> float:
    """The rate of given labels if they number the classes in the order of their names as text; 1 if that is the same order."""
    if names is None or tuple(sorted(names)) == names or class_order(names) != names:
        return 1.0
    place = {name: number for number, name in enumerate(names)}
    return float((np.array([place[name] for name in sorted(names)])[given] != true).mean())


def _number_options(given: dict[str, Any], names: tuple[str, ...] | None) -> None:
    """Number the classes that a user chose by name, and put tables whose rows or columns are named into the classes' order."""
    if isinstance(mapping := given.get("mapping"), Mapping):
        numbered = [(chosen_class(true, names), chosen_class(to, names)) for true, to in mapping.items()]
        _check_once("mapping", [true for true, _ in numbered], mapping)
        fixed = [
            f"{true!r} -> {to!r}" for (true, to), pair in zip(mapping.items(), numbered, strict=True) if pair[0] == pair[1]
        ]
        if fixed:
            raise ValueError(f"mapping must send each class to another one, got {fixed[0]}")
        given["mapping"] = dict(numbered)
    if isinstance(classes := given.get("classes"), tuple | list):
        given["classes"] = [chosen_class(each, names) for each in classes]
    if hasattr(given.get("groups"), "iloc"):
        # A Series of pandas is indexed by class, or in the order of the classes.
        given["groups"] = dict(given["groups"]) if given["groups"].index.dtype.kind not in "iu" else list(given["groups"])
    if isinstance(groups := given.get("groups"), Mapping):
        of_class = {chosen_class(each, names): group for each, group in groups.items()}
        _check_once("groups", list(of_class), groups)
        lacking = [each for each in range(len(names) if names else max([*of_class, 0]) + 1) if each not in of_class]
        if lacking:
            raise ValueError(
                f"groups must name the group of every class, got none for {names[lacking[0]] if names else lacking[0]!r}"
            )
        given["groups"] = [of_class[each] for each in sorted(of_class)]
    for option, axes in (("matrix", (0, 1)), ("posteriors", (1,))):
        if hasattr(given.get(option), "columns"):
            given[option] = _in_order(option, given[option], axes, names)


def _check_once(option: str, numbers: list[Any], given: Mapping[Any, Any]) -> None:
    """Raise ValueError if a class is given twice, by number and by name."""
    if len(set(numbers)) < len(given):
        raise ValueError(f"{option} must name each class once, got {', '.join(map(repr, given))}")


def _in_order(option: str, table: Any, axes: tuple[int, ...], names: tuple[str, ...] | None) -> Any:
    """The values of a pandas table, with its named rows or columns in the order of the classes."""
    values = np.asarray(table)
    for axis in axes:
        held = list((table.index, table.columns)[axis])
        if held == list(range(len(held))):
            continue
        order = [chosen_class(each, names) for each in held]
        if sorted(order) != list(range(len(names or order))):
            raise ValueError(
                f"the {'columns' if axis else 'rows'} of {option} must be the classes {shortened(names or ())}, "
                f"got {shortened([str(each) for each in held])}"
            )
        values = np.take(values, np.argsort(order), axis=axis)
    return values
