"""Data sets that are downloaded, and the advice if they cannot be."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DEFAULT_ROOT = Path("data")
# The errors of torchvision's readers for files that are missing, damaged, or cannot be downloaded.
FAILURES = (OSError, RuntimeError, ValueError, TypeError, KeyError, EOFError, AssertionError, pickle.UnpicklingError)


def download_or_explain(name: str, root: Path, inside: str, load: Callable[[], T], instead: str) -> T:
    """The result of `load`, which may download the data set `name` to the folder `inside` the data root.

    Raises ValueError with the reason, and with `instead`, the way to place the files by hand; and, before anything is
    downloaded, if the data root is the folder that it should hold.
    """
    _refuse_the_data_itself(name, root, inside)
    try:
        return load()
    except FAILURES as error:
        said = str(error) or type(error).__name__
        raise ValueError(
            f"{name} is neither in {str(root / inside)!r} nor can it be downloaded ({said}); {instead}, "
            "or name the folder that holds it with --data-root"
        ) from error


def _refuse_the_data_itself(name: str, root: Path, inside: str) -> None:
    """Raise ValueError if the data root is not empty and lacks the folder `inside`, but is called like it or a part of it."""
    parts = Path(inside).parts
    at = root.absolute()
    if (root / inside).exists() or not (root.is_dir() and any(root.iterdir())):
        return
    for count in range(1, len(parts) + 1):
        if at.parts[-count:] == parts[:count]:
            raise ValueError(
                f"the data root {str(root)!r} may be {name} itself, which is looked for in it as {inside!r}; "
                f"name its parent {str(at.parents[count - 1])!r} with --data-root (in Python: data_root=)"
            )
