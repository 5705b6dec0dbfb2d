"""What was meant by a name that is not known."""

import pytest

from noisylab.core.suggestions import did_you_mean, nearest

FORMATS = ["pdf", "png", "svg", "pgf"]
MEASURES = ["test_accuracy_last", "test_accuracy_peak", "test_accuracy_gap", "test_aurc", "test_nll", "memorised"]


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("dbl", ["ce", "dlb"], ["dlb"]),
        # Of three letters, two that agree are chance.
        ("gif", FORMATS, []),
        ("jpg", FORMATS, []),
        ("PDF", FORMATS, ["pdf"]),
        ("pfd", FORMATS, ["pdf"]),
        ("test_acc", MEASURES, ["test_accuracy_last", "test_accuracy_peak", "test_accuracy_gap"]),
        ("test-nll", MEASURES, ["test_nll"]),
        ("gap", MEASURES, ["test_accuracy_gap"]),
        ("memorized", MEASURES, ["memorised"]),
        ("nothing_like_it", MEASURES, []),
        ("", MEASURES, []),
        ("a", [], []),
    ],
)
def test_the_nearest_names_come_first(word: str, known: list[str], found: list[str]) -> None:
    assert nearest(word, known) == found


def test_the_remark_names_them() -> None:
    assert did_you_mean("a", ["aa", "ab"]) == ""
    assert did_you_mean("ab", ["aba", "abb", "abc", "abd"]) == " (did you mean 'aba', 'abb' or 'abc'?)"
