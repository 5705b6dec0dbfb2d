"""Bounds of arguments: stated once, in the annotation, and checked by constructors and by the command line."""

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from noisylab.core.files import expanded

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Bound:
    """Metadata for `Annotated`: the interval that a number must lie in.

    written_as: a common wrong unit that messages recognise ('percent': 40 for 0.4; 'ratio': 100 for 0.01).
    """

    ge: float = -math.inf
    gt: float = -math.inf
    le: float = math.inf
    lt: float = math.inf
    written_as: Literal["", "percent", "ratio"] = ""

    def allows(self, value: float) -> bool:
        """Whether `value` is in the interval."""
        return self.ge <= value <= self.le and self.gt < value < self.lt

    def __str__(self) -> str:
        low, high = max(self.ge, self.gt), min(self.le, self.lt)
        if math.isfinite(low) and math.isfinite(high):
            return f" in {'[' if self.gt < low else '('}{low:g}, {high:g}{']' if self.lt > high else ')'}"
        parts = [(">= ", self.ge), ("> ", self.gt), ("<= ", self.le), ("< ", self.lt)]
        return " and".join(f" {sign}{limit:g}" for sign, limit in parts if math.isfinite(limit))


Positive = Annotated[float, Bound(gt=0)]
NonNegative = Annotated[float, Bound(ge=0)]
UnitInterval = Annotated[float, Bound(ge=0, le=1, written_as="percent")]
PositiveUnit = Annotated[float, Bound(gt=0, le=1, written_as="ratio")]
PositiveInt = Annotated[int, Bound(ge=1)]
NonNegativeInt = Annotated[int, Bound(ge=0)]
Momentum = Annotated[float, Bound(ge=0, lt=1)]


@dataclass(frozen=True)
class IsSpec:
    """Metadata for `Annotated`: the text is a spec of the same registry, such as the inner noise of `on_classes`."""


SpecText = Annotated[str, IsSpec()]


@dataclass(frozen=True)
class NotIdentity:
    """Metadata for `Annotated`: not part of a run's identity, because a digest stands for the value or it is only displayed."""


@dataclass(frozen=True)
class IsPath:
    """Metadata for `Annotated`: the text is the path of an existing file or, with `folder`, of an existing folder.

    holds: a file by which a folder is known, if the text can also be a name of something else, such as a data set of a hub.
    """

    folder: bool = False
    holds: str = ""


PathText = Annotated[str, NotIdentity(), IsPath()]
FolderText = Annotated[str, NotIdentity(), IsPath(folder=True)]
# The name of a data set on HuggingFace's hub, or a folder that `DatasetDict.save_to_disk` wrote.
HubText = Annotated[str, IsPath(folder=True, holds="dataset_dict.json")]
LabelText = Annotated[str, NotIdentity()]


def has_metadata(annotation: Any, metadata: object) -> bool:
    """Whether `metadata` annotates the type or a part of it (`Annotated[str, metadata] | None`)."""
    return any(part == metadata or has_metadata(part, metadata) for part in typing.get_args(annotation))


def path_in(annotation: Any) -> IsPath | None:
    """What `annotation` says of a path, if the texts that it allows are paths (`PathText | None`)."""
    held = (part if isinstance(part, IsPath) else path_in(part) for part in typing.get_args(annotation))
    return next(filter(None, held), None)


def check_value(name: str, value: object, annotation: Any) -> None:
    """Raise ValueError naming `name`, the value and what was expected, if `value` does not fit `annotation`.

    Checks int, float (finite), bool, str, paths, None, `Literal`, `Mapping`, unions, `tuple[X, ...]` and
    `Annotated[..., Bound]`; anything else passes.
    """
    problem = _mismatch(value, annotation)
    if problem:
        raise ValueError(f"{name} must be {problem}, got {shown(value)}{advice(value, annotation)}")


def shown(value: object) -> str:
    """A value as messages show it: its repr, or a description if the repr is long or has several lines."""
    shape = getattr(value, "shape", ())
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    text = repr(value)
    return text if len(text) <= 200 and "\n" not in text else f"{type(value).__name__} {text[:60].splitlines()[0]}..."


def advice(value: object, annotation: Any) -> str:
    """A correction if a share was given as a percentage or as its inverse; else an empty string."""
    bounds = [part for part in typing.get_args(annotation) if isinstance(part, Bound) and part.written_as]
    if not bounds:
        return ""
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return ""
    if bounds[0].written_as == "ratio" and 1 < number < math.inf:
        return f"; write {1 / number:g} for an imbalance factor of {number:g}"
    if bounds[0].written_as == "percent" and (5 <= number <= 100 or (text.endswith("%") and 0 <= number <= 100)):
        return f"; did you mean {number / 100:g}?"
    return ""


def expected(annotation: Any) -> str:
    """The requirement of an annotation, in the words of `check_value`: `a finite number in [0, 1]`."""
    return _mismatch(object(), annotation) or "anything"


def _mismatch(value: object, annotation: Any) -> str | None:
    """What `annotation` expects if `value` does not fit; else None."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        bound = next((extra for extra in arguments[1:] if isinstance(extra, Bound)), None)
        problem = _mismatch(value, arguments[0])
        if problem is not None:
            return problem + str(bound or "")
        if bound and isinstance(value, Real) and not bound.allows(float(value)):
            return f"a number{bound}"
        return None
    if origin is Literal:
        # Comparing an array would give an array.
        return None if not getattr(value, "shape", ()) and value in arguments else "one of " + ", ".join(map(repr, arguments))
    if origin in (typing.Union, UnionType):
        problems = [_mismatch(value, part) for part in arguments]
        return None if None in problems else " or ".join(dict.fromkeys(map(str, problems)))
    if origin is tuple:
        if not isinstance(value, tuple):
            return "a tuple"
        return next((f"all {p}" for v in value if (p := _mismatch(v, arguments[0]))), None)
    if origin is Mapping:
        return None if isinstance(value, Mapping) else "a dict"
    if annotation is float:
        number = isinstance(value, Real) and not isinstance(value, bool)
        return None if number and math.isfinite(typing.cast(float, value)) else "a finite number"
    if annotation is int:
        return "a whole number" if isinstance(value, bool) or not isinstance(value, Integral) else None
    if annotation is bool:
        # NumPy's type has the same name.
        return None if type(value).__name__ == "bool" else "True or False"
    if annotation is str:
        return None if isinstance(value, str) else "a string"
    if origin is PathLike:
        return None if isinstance(value, PathLike) else "a path"
    if annotation is Path:
        return None if isinstance(value, Path) else "a path"
    if isinstance(annotation, type) and is_dataclass(annotation):
        return None if isinstance(value, annotation) else f"a {annotation.__name__}"
    if annotation in (None, NoneType):
        return None if value is None else "None"
    if isinstance(annotation, type) and annotation.__module__.startswith("noisylab.corruption."):
        return None if isinstance(value, annotation) else f"a {annotation.__name__}"
    return None


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of `function` against their annotations at every call.

    A list is accepted for a tuple, and `~` is expanded in paths (`PathText`).
    """
    if getattr(function, "is_checked", False):
        return function
    signature = inspect.signature(function)
    # A method may name its own class, which does not exist yet.
    hints = functools.cache(lambda: typing.get_type_hints(function, include_extras=True))
    kinds = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    names = [name for name, parameter in signature.parameters.items() if parameter.kind not in kinds]

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{function.__qualname__}() {error}") from None
        for name in names:
            if name not in bound.arguments or name not in hints():
                continue
            value = bound.arguments[name] = listed(bound.arguments[name], hints()[name])
            if isinstance(value, str | PathLike) and path_in(hints()[name]):
                value = bound.arguments[name] = str(expanded(value)) if str(value).startswith("~") else value
            if typing.get_origin(hints()[name]) is tuple and not isinstance(value, tuple):
                raise ValueError(f"{name} must be a list, e.g. [{shown(value)}], got {shown(value)}")
            try:
                check_value(name, value, hints()[name])
            except ValueError as error:
                # An array instead of a number suggests arguments in the wrong order.
                order = f"; the arguments are {', '.join(names)}, in this order" if getattr(value, "shape", ()) else ""
                raise ValueError(f"{error}{order}") from None
        return function(*bound.args, **bound.kwargs)

    wrapper.is_checked = True  # type: ignore[attr-defined]
    return wrapper


def listed(value: Any, annotation: Any) -> Any:
    """A list as a tuple if the annotation, or a part of it, is one."""
    parts = [annotation, *typing.get_args(annotation)]
    parts += [part for each in parts for part in typing.get_args(each)]
    return tuple(value) if isinstance(value, list) and any(typing.get_origin(part) is tuple for part in parts) else value


def check_fields(instance: Any) -> None:
    """Check every field of a dataclass against its annotation; for `__post_init__`.

    Numbers are converted to Python's own type, so that 1, 1.0 and numpy.float64(1) are one configuration.
    """
    hints = _hints(instance.__class__)
    for field in fields(instance):
        value = getattr(instance, field.name)
        check_value(field.name, value, hints[field.name])
        object.__setattr__(instance, field.name, plain_number(value, hints[field.name]))


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The annotations of a dataclass; a study checks thousands of its instances."""
    return typing.get_type_hints(kind, include_extras=True)


def plain_number(value: Any, annotation: Any) -> Any:
    """Convert a number, or a tuple of numbers, to Python's float or int by its annotation; leave anything else as it is."""
    if isinstance(value, tuple) and typing.get_origin(annotation) is tuple:
        return tuple(plain_number(each, typing.get_args(annotation)[0]) for each in value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    kinds = [annotation, *typing.get_args(annotation)]
    kinds += [part for kind in kinds for part in typing.get_args(kind)]
    return int(value) if int in kinds and isinstance(value, Integral) else float(value) if float in kinds else value
