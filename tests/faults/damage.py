"""Damaged and malicious files in a study: what readers say of each, and whether the same sweep heals it."""

import io
import json
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Damage(NamedTuple):
    """What is done to a file: a name, and a function of the file, the same file of another run, and the file of evidence."""

    name: str
    do: Callable[[Path, Path, Path], None]


class _Executes:
    """An object whose pickle writes a file when it is read."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = str(evidence)

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"open({self.evidence!r}, 'w').write('executed')",))


def damages(rng: random.Random) -> Iterator[Damage]:
    """Every kind of damage; positions are drawn from `rng`."""
    for share in (0.0, 0.5, 0.98):
        yield Damage(f"cut to {share:.0%}", lambda file, *_, share=share: _cut(file, share))
    for _ in range(3):
        place = rng.random()
        yield Damage("a flipped bit", lambda file, *_, place=place: _flip(file, place))
    yield Damage("deleted", lambda file, *_: _remove(file))
    yield Damage("replaced by another run's", _replace)
    yield Damage("a folder in its place", lambda file, *_: (_remove(file), file.mkdir())[0])
    yield Damage("zeros", lambda file, *_: _write(file, bytes(max(1, _size(file)))))
    yield Damage("an empty list as JSON", lambda file, *_: _write(file, b"[]"))
    yield Damage("JSON that is nested 100,000 times", lambda file, *_: _write(file, b"[" * 100_000))
    yield Damage("a pickle that executes", lambda file, _, evidence: _write(file, pickle.dumps(_Executes(evidence))))
    yield Damage("an npz that executes", lambda file, _, evidence: _write(file, _npz(evidence)))
    yield Damage("a torch file that executes", lambda file, _, evidence: _write(file, _torch(evidence)))
    yield Damage("a zip bomb", lambda file, *_: _write(file, _bomb()))
    yield Damage("an array that lies about its size", lambda file, *_: _write(file, _liar()))
    yield Damage("an edited number", lambda file, *_: _edit(file))


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _remove(file: Path) -> None:
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()


def _write(file: Path, content: bytes) -> None:
    if file.is_dir():
        shutil.rmtree(file)
    file.write_bytes(content)


def _cut(file: Path, share: float) -> None:
    if file.is_file():
        content = file.read_bytes()
        file.write_bytes(content[: min(int(share * len(content)), max(0, len(content) - 1))])


def _flip(file: Path, place: float) -> None:
    if file.is_file() and (content := bytearray(file.read_bytes())):
        content[int(place * len(content))] ^= 1 << int(place * 1000) % 8
        file.write_bytes(content)


def _replace(file: Path, other: Path, _: Path) -> None:
    _remove(file)
    if other.is_dir():
        shutil.copytree(other, file)
    elif other.is_file():
        shutil.copy(other, file)


def _npz(evidence: Path) -> bytes:
    held = np.array([_Executes(evidence)], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, given=held, true=held, logits=held, labels=held)
    return buffer.getvalue()


def _torch(evidence: Path) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save({"epoch": _Executes(evidence)}, buffer)
    return buffer.getvalue()


def _bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in ("given.npy", "logits.npy", "data.pkl"):
            archive.writestr(name, bytes(2**24))
    return buffer.getvalue()


def _liar() -> bytes:
    buffer = io.BytesIO()
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("given.npy", "true.npy", "logits.npy", "labels.npy"):
            archive.writestr(name, content)
    return buffer.getvalue()


def _edit(file: Path) -> None:
    """Change numbers as a text editor would; other files get a changed byte with the rest as it was."""
    if not file.is_file():
        return
    content = file.read_bytes()
    try:
        text = content.decode()
        held = json.loads(text)
    except ValueError:
        if file.suffix == ".csv":
            file.write_bytes(content.replace(b"0.", b"1."))
        else:
            _flip(file, 0.3)
        return
    file.write_text(json.dumps(_other(held)))


def _other(held: Any) -> Any:
    if isinstance(held, dict):
        # Another format is refused with the way out, and is not to be healed.
        return {key: value if key == "format" else _other(value) for key, value in held.items()}
    if isinstance(held, list):
        return [_other(value) for value in held]
    return held + 1 if isinstance(held, int | float) and not isinstance(held, bool) else held
