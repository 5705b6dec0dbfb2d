"""Advice for specs that hold a path in a form that cannot be read."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from noisylab.core import checks
from noisylab.core.files import expanded
from noisylab.core.signatures import Entry


def readers_of(text: str, entries: Mapping[str, Entry]) -> str:
    """The forms in which a path in place of a name is written: `folder:PATH or saved:PATH`; empty if `text` is no path.

    What is there decides between files and folders.
    """
    text = text.strip()
    at = expanded(text) if text and "\0" not in text else Path("\0")
    # `Path.exists` fails for a name that is too long.
    is_there = os.path.exists(at)  # noqa: PTH110
    # A colon belongs to a spec, or to a drive.
    if not is_there and (re.match(r"\w{2,}\s*[:(]", text) or not re.search(r"^[~.]|[/\\]|\.[A-Za-z]\w*$", text)):
        return ""
    paths = {name: path for name, entry in entries.items() if (path := main_path(entry)) is not None}
    if is_there:
        paths = {name: path for name, path in paths.items() if path.folder == at.is_dir()}
        known = {name: path for name, path in paths.items() if path.holds and (at / path.holds).is_file()}
        paths = known or {name: path for name, path in paths.items() if not path.holds}
    elif Path(text).suffix:
        paths = {name: path for name, path in paths.items() if not path.folder} or paths
    return " or ".join(f"{name}:PATH" for name in paths)


def main_path(entry: Entry) -> checks.IsPath | None:
    """What the option that stands after the colon says of a path, if it takes one."""
    return None if entry.main is None else checks.path_in(entry.options[entry.main].annotation)


def path_in_quotes(entry: Entry) -> str:
    """Advice for a spec that cannot be read, perhaps for the quotes around its path; empty if the entry takes no path."""
    if main_path(entry) is None:
        return ""
    return f'; write {entry.name}:PATH without quotes, or {entry.name}({entry.main}="PATH") with quotes that PATH does not hold'
