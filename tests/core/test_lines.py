"""Long names in short lines."""

import pytest

from noisylab.core.lines import folded, in_lines


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("ce", 10, ["ce"]),
        ("a b", 3, ["a b"]),
        ("dlb(alpha=3.0, on='gce')", 14, ["dlb(alpha=3.0,", "  on='gce')"]),
        # No number is broken, even if it is too long.
        ("ce@learning_rate=0.001", 10, ["ce@", "  learning_rate=0.001"]),
        ("", 10, [""]),
    ],
)
def test_names_break_where_their_parts_end(text: str, width: int, lines: list[str]) -> None:
    assert in_lines(text, width).split("\n") == lines
    assert in_lines(text, width + 2, 2).split("\n") == [f"  {line}".rstrip() for line in lines]


def test_a_number_stays_with_its_unit() -> None:
    line = "[9/9] elr, seed 0: 14.7 % (0.4 s)"
    for width in range(20, len(line)):
        assert not [part for part in folded(line, width).split("\n") if part.startswith(("s)", "%"))]
    assert folded(line, len(line)) == line
