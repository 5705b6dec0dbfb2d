"""Lines in a terminal or notebook."""

from rich.console import Console
from rich.text import Text

from noisylab.core.foreign_text import printable
from noisylab.core.lines import folded


class Terminal(Console):
    """A console of rich that leaves a closed pipe to the command, which then ends as other programs do."""

    def on_broken_pipe(self) -> None:
        """Raise the error, in place of an exit with status 1."""
        raise BrokenPipeError


def say(console: Console, text: str, *, wrap: bool = False) -> None:
    """Print text as it is: rich would take `[name]` for a style and `:name:` for an emoji, a terminal an escape for a command.

    wrap: whether long lines are broken between words; a path or a number never is.
    """
    text = "\n".join(printable(line) for line in text.split("\n"))
    shown = folded(text, console.width) if wrap else text
    try:
        console.print(Text(shown), soft_wrap=True)
    except UnicodeEncodeError:
        # A terminal of another encoding shows the escapes of what it lacks.
        console.print(Text(shown.encode("ascii", "backslashreplace").decode()), soft_wrap=True)
