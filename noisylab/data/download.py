"""Data sets that are downloaded: where they are looked for, and what is said where they cannot be had."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DEFAULT_ROOT = Path("data")
# What torchvision's readers raise for files that are missing, damaged, or not to be downloaded.
FAILURES = (OSError, RuntimeError, ValueError, TypeError, KeyError, EOFError, AssertionError, pickle.UnpicklingError)


def download_or_explain(name: str, place: Path, load: Callable[[], T], instead: str) -> T:
    """What `load` gives, which may download the data set `name` to `place`.

    Raises ValueError with what went wrong and `instead`, the way to place the files by hand.
    """
    try:
        return load()
    except FAILURES as error:
        said = str(error) or type(error).__name__
        raise ValueError(
            f"{name} is neither in {str(place)!r} nor can it be downloaded ({said}); {instead}, "
            "or name the folder that holds it with --data-root"
        ) from error
