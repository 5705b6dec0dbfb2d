"""The image files below a folder, and what else lies there: one rule for all data sets in folders."""

import logging
import os
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

# Pillow knows these formats by name only, or writes them only.
_NOT_READ = ("BUFR", "GRIB", "HDF5", "MPEG", "PDF")
# Here and not beside what reads files, since the list imports all of Pillow's formats, which images in memory do without.
EXTENSIONS = frozenset(suffix for suffix, name in Image.registered_extensions().items() if name not in _NOT_READ)
# What other systems put beside images: macOS' archives, Synology's and Windows' thumbnails and settings.
_OF_SYSTEMS = ("__macosx", "@eadir", "thumbs.db", "desktop.ini")
# Files that usually lie beside images, so that passing them over surprises nobody.
_TABLES = (".csv", ".json", ".tsv", ".xml", ".yaml", ".yml")
_USUAL = (*_TABLES, "hidden", ".db", ".html", ".ini", ".log", ".md", ".pdf", ".py", ".txt")


@dataclass
class Found:
    """Counts the files taken and passed over by a data set. source: the data set, for messages."""

    source: str
    taken: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    unusual: list[Path] = field(default_factory=list)

    def images(self, folder: Path) -> list[Path]:
        """The image files below a folder, in order.

        Links are followed, but not into a folder that they lie in. Raises ValueError naming an empty file, or a folder that
        cannot be read.
        """
        real, above = folder.resolve(), folder.parent.resolve()
        files = sorted(self._below(folder, frozenset([real, *real.parents, above, *above.parents])))
        self.taken += len(files)
        return files

    def folders(self, folder: Path) -> list[Path]:
        """The folders of classes in a folder, in order of their names."""
        classes = []
        for entry in self._entries(folder):
            if _is_folder(entry) and not is_hidden(entry.name):
                classes.append(Path(entry.path))
            else:
                self._pass_over(entry, outside=True)
        return sorted(classes)

    def tell(self, folder: Path) -> None:
        """Say how many files of a data set were taken and passed over: as a warning if that is unusual, else to the log."""
        counts = [f"{self.passed[kind]:,} {_plural(kind) if self.passed[kind] > 1 else kind}" for kind in sorted(self.passed)]
        kinds = ", ".join(counts)
        said = f"data set {self.source}: {str(folder)!r} holds {self.taken:,} images; passed over: {kinds or 'nothing'}"
        if self.unusual:
            warnings.warn(f"{said}; see {str(min(self.unusual))!r}", stacklevel=3)
        elif self.passed.total() - self.passed["hidden"] > self.taken:
            warnings.warn(said, stacklevel=3)
        else:
            logging.getLogger(__name__).info(said)

    def _below(self, folder: Path, inside: frozenset[Path]) -> list[Path]:
        files = []
        for entry in self._entries(folder):
            path = Path(entry.path)
            if is_hidden(entry.name):
                self._pass_over(entry)
            elif _is_folder(entry):
                real = path.resolve() if entry.is_symlink() else folder.resolve() / entry.name
                if real in inside:
                    self._note("link in a circle", path)
                else:
                    files += self._below(path, inside | {real})
            elif path.suffix.lower() in EXTENSIONS and path.is_file():
                if not entry.stat().st_size:
                    raise ValueError(f"data set {self.source}: {entry.path!r} is empty (0 bytes); delete it or copy it again")
                files.append(path)
            else:
                self._pass_over(entry)
        return files

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except OSError as error:
            raise ValueError(f"data set {self.source}: {str(folder)!r} cannot be read: {error.strerror}") from error

    def _pass_over(self, entry: os.DirEntry[str], *, outside: bool = False) -> None:
        path = Path(entry.path)
        if is_hidden(entry.name):
            self.passed["hidden"] += 1
        elif entry.is_symlink() and not path.exists():
            self._note("broken link", path)
        elif not (path.is_file() or path.is_dir()):
            self._note("special file", path)
        elif outside and path.suffix.lower() in EXTENSIONS:
            self._note("image outside of class folders", path)
        else:
            self._note(path.suffix.lower() or "without an extension", path)

    def _note(self, kind: str, path: Path) -> None:
        self.passed[kind] += 1
        if kind not in _USUAL:
            self.unusual.append(path)


def _plural(kind: str) -> str:
    """`broken links`, `images outside of class folders`; extensions and the like stay."""
    noun = next((noun for noun in ("link", "image", "file") if noun in kind.split()), None)
    return kind if noun is None else kind.replace(noun, f"{noun}s")


def is_hidden(name: str) -> bool:
    """Whether a file or folder belongs to another program: `.ipynb_checkpoints`, `._1.png`, `__MACOSX`."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # A link to itself has no status, which Path takes for no folder.
    return Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir()
