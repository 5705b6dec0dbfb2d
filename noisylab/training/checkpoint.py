"""Saving and continuing a run at the end of an epoch."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from noisylab.files import write_atomically
from noisylab.methods.base import Method

if TYPE_CHECKING:
    from noisylab.training.loop import Callback


def save_checkpoint(
    path: Path, epoch: int, method: Method, optimizer: torch.optim.Optimizer, callbacks: "Sequence[Callback]"
) -> None:
    """Write all state that outlives an epoch; `epoch` is the first one still to be trained."""
    buffer = io.BytesIO()
    state = {
        "epoch": epoch,
        "method": method.state_dict(),
        "optimizer": optimizer.state_dict(),
        "callbacks": [callback.state_dict() for callback in callbacks],
    }
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(
    path: Path,
    method: Method,
    optimizer: torch.optim.Optimizer,
    callbacks: "Sequence[Callback]",
    device: torch.device,
) -> int:
    """Take up the state in `path` and return the epoch to go on with; 0 where there is no file or it is damaged."""
    if not is_whole(path):
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    method.load_state_dict(state["method"])
    optimizer.load_state_dict(state["optimizer"])
    for callback, saved in zip(callbacks, state["callbacks"], strict=True):
        callback.load_state_dict(saved)
    return int(state["epoch"])


def is_whole(path: Path) -> bool:
    """Whether the file is there and every entry of the archive has its checksum, which torch.load does not look at."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:
        # A damaged archive fails in whatever part of zipfile meets the damage first.
        return False
