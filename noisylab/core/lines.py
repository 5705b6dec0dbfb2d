"""Long names of methods in short lines."""

import re


def in_lines(text: str, width: int, indent: int = 0) -> str:
    """Text in lines of at most `width` characters if it can be broken after a comma, an @ or a space.

    A number or a name is never broken, even if it is longer. indent: spaces before the first line; further lines have two more.

    Example:
        >>> from noisylab.core.lines import in_lines
        >>> print(in_lines("elr@learning_rate=0.02,weight_decay=0.001", 26))
        elr@learning_rate=0.02,
          weight_decay=0.001
    """
    lines = [" " * indent]
    for part in re.findall(r"[^,@ \n]+[,@ \n]*|^[,@ \n]+", text):
        if lines[-1].strip() and len((lines[-1] + part).rstrip()) > width:
            lines.append(" " * (indent + 2))
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)
