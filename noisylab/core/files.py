"""Files that are written completely or not at all."""

import errno
import hashlib
import os
import re
import tempfile
import uuid
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with a leading `~` expanded. To be called once, where a path comes in."""
    # `Path.expanduser` raises an error for an unknown user, and `Path` makes `~` of `./~`.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def name_of(path: str, *, folder: bool = False) -> str:
    """The name of a folder, or the name of a file without its ending: `x` for `/data/x/` and `/data/x.npz`."""
    place = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name
    return place.name if folder or not place.stem else place.stem


def check_stem(what: str, stem: str) -> str:
    """Return the stem of files, which is also a label in LaTeX. Raises ValueError, with one that would do, if it is none.

    what: what it is the value of.
    """
    usable = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")
    if not stem or stem != usable:
        advice = f"; write {usable!r}" if usable else ""
        raise ValueError(f"{what} must be the name of a file without its folder: letters, digits, _ . -; got {stem!r}{advice}")
    return stem


def tails(path: str) -> list[Path]:
    """The ends of a path, from the longest to its last part: `a/b`, `b` for `/a/b`. Without those that begin with `..`."""
    # A path may have been written on Windows.
    parts = [part for part in re.split(r"[\\/]+", path) if part not in ("", ".") and not part.endswith(":")]
    below = parts[max((place + 1 for place, part in enumerate(parts) if part == ".."), default=0) :]
    return [Path(*below[start:]) for start in range(len(below))]


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to a temporary name beside `path`, flush it to disk, and rename it into place."""
    if not path.parent.is_dir():
        # The error of `open` would name the temporary file.
        raise FileNotFoundError(errno.ENOENT, "there is no folder", str(path.parent))
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cannot_write(path: Path, error: OSError) -> str:
    """What to say of a file that cannot be written; of the one that could not be put in its place, if that is known."""
    return f"{str(error.filename2 or path)!r} cannot be written: {error.strerror or error}"


def flush_folder(folder: Path) -> None:
    """Flush every file below `folder` to disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def check_folder(folder: Path) -> None:
    """Raise ValueError if there is no such folder."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {str(folder)!r}")


def check_output(out: Path) -> None:
    """Raise ValueError if the folder `out` cannot be written. Creates nothing."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ValueError(f"output folder {str(out)!r} cannot be written: {str(there)!r} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"output folder {str(out)!r} cannot be written: no permission in {str(there)!r}")


def make_output(out: Path) -> None:
    """Create the folder `out`. Raises ValueError if that fails."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(f"output folder {str(out)!r} cannot be written: {error.strerror}") from error


def check_output_file(path: Path) -> None:
    """Raise ValueError if the file `path` cannot be written. Creates nothing."""
    if path.is_dir():
        raise ValueError(f"output file {str(path)!r} is a folder")
    check_output(path.absolute().parent)
