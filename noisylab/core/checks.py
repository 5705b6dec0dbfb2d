"""Bounds of arguments, stated once in the annotation and checked alike by constructors and by the command line."""

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Bound:
    """Metadata for `Annotated`: the interval a number has to lie in.

    written_as: what a share is often written as instead, for the advice of messages: 40 for .4, or 100 for .01.
    """

    ge: float = -math.inf
    gt: float = -math.inf
    le: float = math.inf
    lt: float = math.inf
    written_as: Literal["", "percent", "ratio"] = ""

    def allows(self, value: float) -> bool:
        """Whether `value` lies in the interval."""
        return self.ge <= value <= self.le and self.gt < value < self.lt

    def __str__(self) -> str:
        if math.isfinite(self.ge) and math.isfinite(self.le):
            return f" in [{self.ge:g}, {self.le:g}]"
        parts = [(">= ", self.ge), ("> ", self.gt), ("<= ", self.le), ("< ", self.lt)]
        return " and".join(f" {sign}{limit:g}" for sign, limit in parts if math.isfinite(limit))


Positive = Annotated[float, Bound(gt=0)]
NonNegative = Annotated[float, Bound(ge=0)]
UnitInterval = Annotated[float, Bound(ge=0, le=1, written_as="percent")]
PositiveUnit = Annotated[float, Bound(gt=0, le=1, written_as="ratio")]
PositiveInt = Annotated[int, Bound(ge=1)]
NonNegativeInt = Annotated[int, Bound(ge=0)]


@dataclass(frozen=True)
class IsSpec:
    """Metadata for `Annotated`: the text is a spec of the same registry, such as the noise that another noise is made of."""


SpecText = Annotated[str, IsSpec()]


@dataclass(frozen=True)
class NotIdentity:
    """Metadata for `Annotated`: no part of a run's identity, since a digest stands for the value or it is only shown."""


PathText = Annotated[str, NotIdentity()]


def has_metadata(annotation: Any, metadata: object) -> bool:
    """Whether `metadata` annotates the type or a part of it (`Annotated[str, metadata] | None`)."""
    return any(part == metadata or has_metadata(part, metadata) for part in typing.get_args(annotation))


def check_value(name: str, value: object, annotation: Any) -> None:
    """Raise ValueError naming `name`, the value and what was expected, where `value` does not fit `annotation`.

    Understands int, float (finite), bool, str, None, `Literal`, `Mapping`, unions, `tuple[X, ...]` and
    `Annotated[..., Bound]`, and lets anything else pass.
    """
    problem = _mismatch(value, annotation)
    if problem:
        raise ValueError(f"{name} must be {problem}, got {value!r}{advice(value, annotation)}")


def advice(value: object, annotation: Any) -> str:
    """What to write instead of a share given as a percentage or as its inverse; else nothing."""
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
    """What an argument with that annotation must be, as the messages of `check_value` say it: `a finite number in [0, 1]`."""
    return _mismatch(object(), annotation) or "anything"


def _mismatch(value: object, annotation: Any) -> str | None:
    """What `annotation` expects, where `value` is not that; else None."""
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
        return None if value in arguments else "one of " + ", ".join(map(repr, arguments))
    if origin in (typing.Union, UnionType):
        problems = [_mismatch(value, part) for part in arguments]
        return None if None in problems else " or ".join(str(problem) for problem in problems)
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
        return None if isinstance(value, bool) else "True or False"
    if annotation is str:
        return None if isinstance(value, str) else "a text"
    if annotation in (None, NoneType):
        return None if value is None else "None"
    return None


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """`function` with its arguments checked against their annotations at every call (for constructors)."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            check_value(name, value, signature.parameters[name].annotation)
        return function(*args, **kwargs)

    return wrapper


def check_fields(instance: Any) -> None:
    """Check every field of a dataclass against its annotation; for `__post_init__`."""
    hints = typing.get_type_hints(type(instance), include_extras=True)
    for field in fields(instance):
        check_value(field.name, getattr(instance, field.name), hints[field.name])
