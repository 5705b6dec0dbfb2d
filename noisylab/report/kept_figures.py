"""Which figures of a study are there as they would be drawn again, from the same runs by the same code and settings."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.font_manager import fontManager

import noisylab
from noisylab.core.files import sha256_of, write_atomically
from noisylab.core.plugins import loaded_plugins
from noisylab.plotting.study_runs import StudyRuns
from noisylab.study.run_folder import digests_of
from noisylab.study.study_file import read_plans

FILE = ".figures.json"
LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow", "scipy")


def source_of(runs: StudyRuns) -> str | None:
    """A digest of all that the figures of these runs depend on.

    None if something of that cannot be known: the code of plug-ins, or runs without digests.
    """
    digests = [digests_of(runs.folder / run) for run in runs.results["id"]]
    if loaded_plugins() or not all(digests):
        return None
    package = Path(noisylab.__file__).parent
    code = {str(path): sha256_of(path) for path in sorted(package.rglob("*")) if path.suffix in (".py", ".mplstyle")}
    fonts = sorted(font.fname for font in fontManager.ttflist)
    drawn_by = code, list(map(version, LIBRARIES)), dict(matplotlib.rcParams), fonts
    shown = runs.folder.resolve().name, digests, read_plans(runs.folder), runs.coverage
    return hashlib.sha256(repr((drawn_by, shown)).encode()).hexdigest()


def kept_files(study: Path, figure: str, source: str | None) -> list[Path]:
    """The files of a figure (spec) if they are as they were drawn from the same source, or else none."""
    entry = _entries(study).get(figure)
    if source is None or not isinstance(entry, dict) or entry.get("source") != source:
        return []
    with suppress(OSError):
        if all(sha256_of(study / name) == digest for name, digest in entry.get("files", {}).items()):
            return [study / name for name in entry.get("files", {})]
    return []


def keep(study: Path, figure: str, source: str | None, files: Sequence[Path]) -> None:
    """Note the files of a figure (spec) that was drawn. Without the note, it is drawn again."""
    if source is None:
        return
    with suppress(OSError):
        entry = {"source": source, "files": {path.name: sha256_of(path) for path in files}}
        write_atomically(study / FILE, json.dumps(_entries(study) | {figure: entry}, indent=1) + "\n")


def _entries(study: Path) -> dict[str, Any]:
    """What was noted, by figure; nothing if the file is missing or damaged."""
    with suppress(OSError, ValueError, RecursionError):
        held = json.loads((study / FILE).read_bytes())
        if isinstance(held, dict):
            return held
    return {}
