"""Plug-ins: files and installed packages that register methods, noise kinds, data sets, figures, ... of their own."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from importlib.metadata import entry_points
from os import PathLike
from pathlib import Path
from types import ModuleType

from noisylab.core.files import expanded
from noisylab.core.registries import REGISTRIES

GROUP = "noisylab.plugins"

# File -> the module made from it, and the SHA-256 of its content at that time.
_loaded: dict[Path, tuple[str, str]] = {}


def load_plugins(paths: Iterable[str | PathLike[str]] = ()) -> None:
    """Import plug-in files, and the packages installed under the entry-point group `noisylab.plugins`.

    What they register can then be named like anything built in. A file that is already loaded is loaded again only if it has
    changed.

    Args:
        paths: Python files. `~` is expanded.

    Raises:
        ValueError: If a file is missing, cannot be imported, or registers an existing name. The message gives file and line.

    Example:
        >>> from noisylab.core.plugins import load_plugins, loaded_plugins
        >>> load_plugins()  # those of installed packages
        >>> load_plugins(["my_method.py"])
        Traceback (most recent call last):
        ValueError: no plug-in file 'my_method.py'
    """
    if isinstance(paths, str | PathLike):
        raise ValueError(f"plug-ins must be a list of files, got {str(paths)!r}; write [{str(paths)!r}]")
    for point in entry_points(group=GROUP):
        try:
            module = point.load()
        except (Exception, SystemExit) as error:
            raise ValueError(f"plug-in {point.name!r} ({point.value}) cannot be imported: {_reason(error)}") from error
        file = getattr(module, "__file__", None)
        if isinstance(module, ModuleType) and file is not None:
            _loaded.setdefault(Path(file).resolve(), (module.__name__, _digest(Path(file).read_bytes())))
    for path in paths:
        _load_file(expanded(path).resolve(), str(path))


def loaded_plugins() -> dict[str, str]:
    """The SHA-256 of every plug-in file that has been loaded, by its absolute path."""
    return {str(path): digest for path, (_, digest) in _loaded.items()}


def _load_file(path: Path, written: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "no plug-in file" if isinstance(error, FileNotFoundError) else f"{error.strerror}: plug-in"
        raise ValueError(f"{reason} {written!r}") from None
    digest = _digest(content)
    if _loaded.get(path, ("", ""))[1] == digest:
        return
    if path in _loaded:
        _forget(_loaded.pop(path)[0])
    # Named by content, so that workers on other machines use the same name and pickles find their classes.
    name = f"noisylab_plugin_{path.stem}_{digest[:8]}"
    if name in sys.modules:
        _loaded[path] = (name, digest)
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plug-in {written!r} must be a Python file that ends in .py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _forget(name)
        raise ValueError(f"plug-in {_place(error, path)}: {_reason(error)}") from error
    _loaded[path] = (name, digest)


def _forget(module: str) -> None:
    """Drop a module and everything that it registered."""
    sys.modules.pop(module, None)
    for registry in REGISTRIES:
        registry.forget(module)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _reason(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {said}" if not isinstance(error, ValueError) else said


def _place(error: BaseException, path: Path) -> str:
    """File and line of an error inside a plug-in."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)
