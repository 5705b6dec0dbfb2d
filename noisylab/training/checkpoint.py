"""Saving and continuing a run at the end of an epoch."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noisylab.core.distributed import from_main, is_main, processes, rank, to_main
from noisylab.core.files import write_atomically
from noisylab.methods.base import Method
from noisylab.training.callback import Callback, Stateful

# torch.load does not notice flipped bits, and the checksums of the archive (a zip) do not cover its directory. So the comment
# of the archive holds a digest, which torch.load ignores.
NO_COMMENT, COMMENT = b"\x00\x00", hashlib.sha256().digest_size.to_bytes(2, "little")


def save_checkpoint(
    path: Path,
    epoch: int,
    method: Method,
    callbacks: Sequence[Callback],
    others: Mapping[str, Stateful],
) -> None:
    """Write all state that outlives an epoch. `epoch` is the next one to train; `others` are further objects with a state.

    All processes must call it; the main one writes.
    """
    state = state_after(epoch, method, callbacks, others)
    if is_main():
        write_state(path, state, callbacks)


def state_after(
    epoch: int, method: Method, callbacks: Sequence[Callback], others: Mapping[str, Stateful], *, copied: bool = False
) -> dict[str, Any]:
    """What `save_checkpoint` writes. All processes must call it.

    copied: with tensors of its own, which further training does not change.
    """
    # Parameters are equal in all processes. Of the rest, such as DLB's last half-batch, save what differs.
    ranks = to_main(_differing(method))
    state = {
        "epoch": epoch,
        "method": {name: _by_itself(value) for name, value in method.state_dict().items()},
        "callbacks": [callback.state_dict() for callback in callbacks] if is_main() else [],
        "others": {name: other.state_dict() for name, other in others.items()},
        "ranks": ranks,
    }
    held: dict[str, Any] = _copied(state) if copied else state
    return held


def write_state(path: Path, state: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
    """Write a state of `state_after`."""
    for callback in callbacks:
        callback.flush()
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    archive = buffer.getvalue()
    write_atomically(path, archive.removesuffix(NO_COMMENT) + COMMENT + hashlib.sha256(archive).digest())


def _copied(held: Any) -> Any:
    """Containers and tensors of their own; other values do not change."""
    if isinstance(held, Tensor):
        return held.detach().clone()
    if isinstance(held, Mapping):
        return {key: _copied(value) for key, value in held.items()}
    if isinstance(held, list | tuple):
        return type(held)(map(_copied, held))
    return held


def load_checkpoint(
    path: Path,
    method: Method,
    callbacks: Sequence[Callback],
    others: Mapping[str, Stateful],
    device: torch.device,
) -> int:
    """Restore the state in `path` and return the next epoch; 0 if the file is missing or damaged.

    All processes must call it; the main one reads, and only it restores the callbacks.
    """
    archive = from_main(_archive(path) if is_main() else None)
    if archive is None:
        return 0
    state = torch.load(io.BytesIO(archive), map_location=device, weights_only=True)
    method.load_state_dict({**state["method"], **state["ranks"][rank()]})
    if is_main():
        for callback, saved in zip(callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(saved)
    for name, other in others.items():
        other.load_state_dict(state["others"][name])
    return int(state["epoch"])


def load_method(path: Path, method: Method) -> None:
    """Restore a method from the checkpoint of its training. Raises ValueError if it is missing or damaged.

    All processes must call it, and get the state of the main one.
    """
    archive = from_main(_archive(path) if is_main() else None)
    method.load_state_dict(_state(path, archive)["method"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU. Raises ValueError if it is missing or damaged."""
    return _state(path, _archive(path))


def _state(path: Path, archive: bytes | None) -> dict[str, Any]:
    if archive is None:
        raise ValueError(f"{str(path)!r} is not a complete checkpoint")
    state: dict[str, Any] = torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
    return state


def saved_epoch(path: Path) -> int:
    """The next epoch of a run with this checkpoint; 0 if the file is missing or damaged."""
    archive = _archive(path)
    return 0 if archive is None else int(torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)["epoch"])


def is_whole(path: Path) -> bool:
    """Whether the file exists and is undamaged."""
    return _archive(path) is not None


def _by_itself(value: Tensor) -> Tensor:
    """The tensor without the rest of the memory that it is a view of, which would be saved too."""
    return value if value.untyped_storage().nbytes() == value.nbytes else value.clone()


def _differing(method: Method) -> dict[str, Tensor]:
    """The state of a method, besides its parameters, that differs from the main process."""
    if processes() == 1:
        return {}
    parameters = {name for name, _ in method.named_parameters()}
    held = {name: value.cpu() for name, value in method.state_dict().items() if name not in parameters}
    digests = {name: _digest(value) for name, value in held.items()}
    main = from_main(digests)
    return {name: value for name, value in held.items() if digests[name] != main[name]}


def _digest(value: Tensor) -> str:
    content = f"{value.dtype}{list(value.shape)}".encode() + value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(content).hexdigest()


def _archive(path: Path) -> bytes | None:
    """The saved archive; None if the file is missing or does not match its digest."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    end = len(content) - hashlib.sha256().digest_size
    archive = content[:end].removesuffix(COMMENT) + NO_COMMENT
    return archive if content[end:] == hashlib.sha256(archive).digest() else None
