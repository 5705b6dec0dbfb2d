"""Data sets that are downloaded, and the advice if they cannot be."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DEFAULT_ROOT = Path("data")
# The errors of torchvision's readers for files that are missing, damaged, or cannot be downloaded.
FAILURES = (OSError, RuntimeError, ValueError, TypeError, KeyError, EOFError, AssertionError, pickle.UnpicklingError)


def download_or_explain(name: str, place: Path, load: Callable[[], T], instead: str) -> T:
    """The result of `load`, which may download the data set `name` to `place`.

    Raises ValueError with the reason, and with `instead`, the way to place the files by hand.
    """
    try:
        return load()
    except FAILURES as error:
        said = str(error) or type(error).__name__
        raise ValueError(
            f"{name} is neither in {str(place)!r} nor can it be downloaded ({said}); {instead}, "
            "or name the folder that holds it with --data-root"
        ) from error
