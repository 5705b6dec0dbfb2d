"""What is made once for all processes of pytest-xdist."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

# Fills a folder of this name, if none did, and returns it.
Once = Callable[[str, Callable[[Path], object]], Path]


def once_below(factory: pytest.TempPathFactory) -> Once:
    """What fills a folder that all processes share, whichever of them asks first."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = base / name, base / f"{name}.done"
        with FileLock(base / f"{name}.lock"):
            if not done.exists():
                # Another process may have failed in the middle.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return once
