"""Bounds in annotations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from noisylab.core.checks import (
    NonNegative,
    NonNegativeInt,
    Positive,
    PositiveInt,
    UnitInterval,
    check_fields,
    check_value,
    checked,
)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, Positive),
        (0.5, Positive),
        (np.float32(0.5), Positive),
        (np.int64(3), PositiveInt),
        (0, NonNegative),
        (1.0, UnitInterval),
        (0, NonNegativeInt),
        (3, PositiveInt | None),
        (None, PositiveInt | None),
        ("a", Literal["a", "b"]),
        ((), tuple[UnitInterval, ...]),
        ((0.1, 1), tuple[UnitInterval, ...]),
        ({1: 2}, Mapping[int, int]),
        ("x", str),
        (object(), Any),
    ],
)
def test_good_values_pass(value: object, annotation: Any) -> None:
    check_value("x", value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation", "said"),
    [
        (0, Positive, "x must be a number > 0, got 0"),
        (float("inf"), Positive, "x must be a finite number > 0, got inf"),
        (True, PositiveInt, "x must be a whole number >= 1, got True"),
        (1.0, PositiveInt, "x must be a whole number >= 1, got 1.0"),
        (1.01, UnitInterval, "x must be a number in [0, 1], got 1.01"),
        ("1", NonNegativeInt, "x must be a whole number >= 0, got '1'"),
        (0, PositiveInt | None, "x must be a number >= 1 or None, got 0"),
        ("c", Literal["a", "b"], "x must be one of 'a', 'b', got 'c'"),
        ([0.1], tuple[UnitInterval, ...], "x must be a tuple, got [0.1]"),
        ("m", Literal["a"] | Mapping[int, int], "x must be one of 'a' or a dict, got 'm'"),
        (1, bool, "x must be True or False, got 1"),
        (1, str, "x must be a string, got 1"),
    ],
)
def test_bad_values_are_named_with_what_was_expected(value: object, annotation: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        check_value("x", value, annotation)


def test_a_checked_function_refuses_before_it_runs() -> None:
    calls = []

    @checked
    def function(rate: UnitInterval, *, size: PositiveInt = 1) -> None:
        calls.append((rate, size))

    function(0.5, size=2)
    for bad in ({"rate": 2}, {"rate": 0.5, "size": 0}):
        with pytest.raises(ValueError, match="must be"):
            function(**bad)  # type: ignore[arg-type]
    assert calls == [(0.5, 2)]


def test_a_dataclass_checks_its_fields() -> None:
    @dataclass(frozen=True)
    class Config:
        epochs: PositiveInt = 1

        def __post_init__(self) -> None:
            check_fields(self)

    with pytest.raises(ValueError, match="epochs must be a number >= 1, got 0"):
        Config(epochs=0)


def test_an_unknown_argument_is_refused_with_the_name_of_the_function() -> None:
    @checked
    def mine(rate: float) -> None: ...

    with pytest.raises(TypeError, match=r"mine\(\) got an unexpected keyword argument 'foo'"):
        mine(rate=1, foo=2)  # type: ignore[call-arg]
