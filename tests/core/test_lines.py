"""Long names in short lines."""

import pytest

from noisylab.core.lines import in_lines


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
