"""One style for all figures: a fixed colour, marker and line for every method, readable in grey and by the colour-blind."""

import io
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import pandas
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.core.files import write_atomically
from noisylab.core.registries import METHODS

Columns: TypeAlias = Literal[1, 2]

PALETTE = [*seaborn.color_palette("colorblind")]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
DASHES = ["-", "--", "-.", ":"]

# Width of a figure in one and in two columns of a paper (inches), and what is drawn without reference to a method.
WIDTHS = {1: 3.3, 2: 6.8}
GROUPS: dict[str, dict[str, Any]] = {
    "clean": {"color": (0.45, 0.45, 0.45), "linestyle": "--"},
    "mislabelled": {"color": PALETTE[3], "linestyle": "-"},
}

# Lines that a panel has room for.
LINES = 8

# colour, marker, line and name of the three that stand in every comparison
FIXED = {
    "ce": (7, 0, 1, "CE"),
    "repeat": (1, 1, 2, "repeat"),
    "dlb": (0, 2, 0, "DLB"),
}


def method_styles(methods: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Keyword arguments for `Axes.plot` for each method of a figure: the same ones in every figure, whoever else is there.

    Registered methods have their own by their place in the registry, variants of them such as `dlb(alpha=3)` by their text.
    """
    known = [name for name in METHODS.entries() if name not in FIXED]
    free = [color for color in range(len(PALETTE)) if color not in {look[0] for look in FIXED.values()}]
    styles = {}
    for name in methods:
        if name in FIXED:
            continue
        number = known.index(name) if name in known else zlib.crc32(name.encode()) % 1000
        # Seven colours, four lines and ten markers come round together after more methods than there are.
        styles[name] = _style(free[number % len(free)], number, number // len(free) + 1, method_label(name))
    return {name: _style(*FIXED[name]) for name in FIXED} | styles


def limited(results: pandas.DataFrame, most: int = LINES) -> tuple[pandas.DataFrame, str]:
    """The rows of the first `most` methods, since more lines cannot be told apart, and words for a title that say so."""
    methods = list(dict.fromkeys(results["method"]))
    if len(methods) <= most:
        return results, ""
    return results[results["method"].isin(methods[:most])], f", {most} of {len(methods)} methods"


def _style(color: int, marker: int, dash: int, label: str) -> dict[str, Any]:
    return {
        "color": PALETTE[color % len(PALETTE)],
        "marker": MARKERS[marker % len(MARKERS)],
        "linestyle": DASHES[dash % len(DASHES)],
        "label": label,
    }


def figure_legend(figure: Figure, ax: Axes, exposure: pandas.DataFrame) -> None:
    """One legend below the figure for the methods in `ax`, each with the images that a run of it processed.

    exposure: rows with method and images_processed.
    """
    images = exposure.groupby("method")["images_processed"].mean()
    styles = method_styles(map(str, images.index))
    names = {styles[str(method)]["label"]: f"{count:,.0f} images" for method, count in images.items()}
    handles, labels = ax.get_legend_handles_labels()
    shared_legend(figure, handles, [f"{label}: {names[label]}" for label in labels])


def shared_legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """One legend below the figure, with as many columns as fit its width; longer entries are broken."""
    entries = [textwrap.fill(label, 44, subsequent_indent="  ") for label in labels]
    for columns in range(min(len(entries), 5), 0, -1):
        legend = figure.legend(handles, entries, loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()


def method_label(method: str) -> str:
    """The name of a method in figures; options on lines of their own where it is long."""
    if method in FIXED:
        return FIXED[method][3]
    return method if len(method) <= 22 else method.replace(", ", ",\n").replace("(", "(\n", 1)


def short_label(method: str, longest: int = 24) -> str:
    """The name of a method where there is one line for it."""
    name = FIXED[method][3] if method in FIXED else method
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def paper_style() -> AbstractContextManager[None]:
    """The settings of all figures, inside `with`."""
    return plt.style.context(Path(__file__).with_name("noisylab.mplstyle"))


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure to `path`, in the format of its ending, whole or not at all, and close it."""
    write_atomically(path, _rendered(figure, path.suffix[1:]))
    plt.close(figure)


def _rendered(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with paper_style():
        # Without the time of writing, equal numbers give equal files.
        figure.savefig(buffer, format=kind, metadata={"CreationDate": None} if kind == "pdf" else {})
    return buffer.getvalue()


def save_figure(figure: Figure, stem: Path, numbers: pandas.DataFrame, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Write `stem` in the formats and as .csv (the plotted numbers), each whole or not at all; their paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    contents = {kind: _rendered(figure, kind) for kind in formats} | {"csv": numbers.to_csv(index=False).encode()}
    plt.close(figure)
    for kind, content in contents.items():
        write_atomically(stem.with_name(f"{stem.name}.{kind}"), content)
    return [stem.with_name(f"{stem.name}.{kind}") for kind in contents]
