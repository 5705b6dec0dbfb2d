"""Lines in a terminal or notebook."""

from rich.console import Console
from rich.text import Text

from noisylab.core.foreign_text import printable


def say(console: Console, text: str, *, wrap: bool = False) -> None:
    """Print text as it is: rich would take `[name]` for a style and `:name:` for an emoji, a terminal an escape for a command.

    wrap: whether rich breaks long lines between words, rather than the terminal anywhere.
    """
    lines = "\n".join(printable(line) for line in text.split("\n"))
    console.print(Text(lines), soft_wrap=not wrap)
