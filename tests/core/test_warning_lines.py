"""Warnings of a command: one line each, once, and none that was silent before."""

import warnings

import pytest

from noisylab.core.warning_lines import warnings_in_lines


def test_a_warning_is_one_printable_line_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_in_lines():
        for _ in range(2):
            # A filter that changes makes Python forget what it has shown.
            with warnings.catch_warnings():
                warnings.warn("the name\n  \x1b[31mred", stacklevel=1)
        warnings.warn("another", RuntimeWarning, stacklevel=1)
    assert capsys.readouterr().err == "noisylab: warning: the name \\x1b[31mred\nnoisylab: warning: another\n"


def test_filters_still_decide_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with warnings_in_lines():
            warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert not capsys.readouterr().err


def test_afterwards_warnings_are_python_s_again() -> None:
    with warnings_in_lines():
        pass
    with pytest.warns(UserWarning, match="after"):
        warnings.warn("after", stacklevel=1)
